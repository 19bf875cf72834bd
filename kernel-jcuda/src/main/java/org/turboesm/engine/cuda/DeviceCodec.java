package org.turboesm.engine.cuda;

import java.util.ArrayList;
import java.util.List;
import org.turboesm.cuda.CudaContext;
import org.turboesm.cuda.CudaStream;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;

/** A codec on the device, and its maps in the order in which kernels read them. */
final class DeviceCodec implements AutoCloseable {
  private final KvCodec codec;
  private final List<LayerCodec> layers = new ArrayList<>();
  private final List<DeviceBuffer> keyMaps = new ArrayList<>();
  private final List<DeviceBuffer> queryMaps = new ArrayList<>();

  DeviceCodec(CudaContext context, CudaStream stream, KernelSet kernels, KvCodec codec) {
    this.codec = codec;
    try {
      for (List<HeadCodec> heads : codec.heads()) {
        LayerCodec layer = new LayerCodec(context, heads);
        layers.add(layer);
        kernels.packedDecode().prepare(layer.decodePlan());
        keyMaps.add(arranged(context, stream, kernels, layer.keyMaps(), heads.size()));
        queryMaps.add(arranged(context, stream, kernels, layer.queryMaps(), heads.size()));
      }
      stream.synchronize();
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private static DeviceBuffer arranged(
      CudaContext context, CudaStream stream, KernelSet kernels, DevicePointer maps, int heads) {
    DeviceBuffer target =
        DeviceBuffer.allocate(context, kernels.unpack().arrangedBytes(heads), "a codec's maps");
    kernels.unpack().arrange(stream, maps, heads, target);
    return target;
  }

  KvCodec codec() {
    return codec;
  }

  LayerCodec layer(int layer) {
    return layers.get(layer);
  }

  /** A layer's maps of keys, arranged. */
  DevicePointer keyMaps(int layer) {
    return keyMaps.get(layer);
  }

  /** A layer's maps of queries, arranged. */
  DevicePointer queryMaps(int layer) {
    return queryMaps.get(layer);
  }

  /** Words of a slot in the layer that has the most. */
  int mostWordsPerSlot() {
    return layers.stream().mapToInt(LayerCodec::wordsPerSlot).max().orElseThrow();
  }

  /** Whether values of any layer carry a scale a token. */
  boolean tokenScaledValues() {
    return layers.stream().anyMatch(LayerCodec::tokenScaledValues);
  }

  @Override
  public void close() {
    keyMaps.forEach(DeviceBuffer::close);
    queryMaps.forEach(DeviceBuffer::close);
    layers.forEach(LayerCodec::close);
    keyMaps.clear();
    queryMaps.clear();
    layers.clear();
  }
}
