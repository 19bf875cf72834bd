package org.turboesm.engine.cuda;

import java.util.Map;
import org.turboesm.cuda.CudaStream;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.cuda.Kernel;
import org.turboesm.cuda.KernelLibrary;
import org.turboesm.cuda.KernelModule;
import org.turboesm.cuda.KernelVariant;
import org.turboesm.cuda.LaunchConfig;
import org.turboesm.engine.Precision;
import org.turboesm.kv.PackedKvLayout;

/** Launches {@code unpack.cu}: packed blocks read back, and maps of whole sequences. */
final class UnpackKernels {
  private static final int BLOCK_THREADS = 128;

  /** Channels that a warp maps at once, a tensor core's tile. */
  private static final int UNIT_CHANNELS = 16;

  private final int headDim;
  private final Kernel unpack;
  private final Kernel map;
  private final Kernel arrange;

  UnpackKernels(KernelLibrary library, Precision precision, int headDim) {
    KernelModule module = library.compile(variant(precision, headDim));
    this.headDim = headDim;
    this.unpack = module.kernel("unpack_blocks");
    this.map = module.kernel("map_heads");
    this.arrange = module.kernel("arrange_maps");
  }

  /** What the engine compiles for a model. */
  static KernelVariant variant(Precision precision, int headDim) {
    return new KernelVariant(
        "unpack.cu", Map.of("PRECISION", precision.ordinal(), "HEAD_DIM", headDim));
  }

  /**
   * Queues what packed blocks hold, in the codec's coordinates.
   *
   * @param blocks none with a tail
   * @param keys [rows, heads, headDim] activations, written
   * @param values [rows, heads, headDim] activations, written
   */
  void unpack(
      CudaStream stream,
      LayerCodec codec,
      PackedSlots cache,
      TokenBlocks blocks,
      int heads,
      DevicePointer keys,
      DevicePointer values) {
    unpack.launch(
        stream,
        new LaunchConfig(blocks.count(), heads, 1, BLOCK_THREADS, 0),
        cache.words(),
        cache.valueScales(),
        codec.layouts(),
        codec.channels(),
        codec.centroids(),
        blocks.entries(),
        heads,
        codec.wordsPerSlot(),
        keys,
        values);
  }

  /**
   * Queues y = M x + b of every head.
   *
   * @param x [rows, heads, headDim] activations
   * @param maps from {@link #arrange}
   * @param biases [heads, headDim] floats
   * @param y [rows, heads, headDim] activations, written; may be {@code x}
   */
  void map(
      CudaStream stream,
      DevicePointer x,
      DevicePointer maps,
      DevicePointer biases,
      int rows,
      int heads,
      DevicePointer y) {
    int blocks = PackedKvLayout.blocks(rows);
    map.launch(
        stream,
        new LaunchConfig(blocks, heads, 1, BLOCK_THREADS, 0),
        x,
        maps,
        biases,
        rows,
        heads,
        y);
  }

  /** Bytes of one layer's maps as {@link #arrange} lays them out. */
  long arrangedBytes(int heads) {
    return (long) heads * mapElements() * Float.BYTES;
  }

  private int mapElements() {
    int padded = (headDim + UNIT_CHANNELS - 1) / UNIT_CHANNELS * UNIT_CHANNELS;
    return padded * padded;
  }

  /**
   * Queues one layer's maps in the order in which kernels read them; once, when a codec is loaded.
   *
   * @param maps [heads, headDim, headDim] floats, column by column
   * @param arranged {@link #arrangedBytes}, written
   */
  void arrange(CudaStream stream, DevicePointer maps, int heads, DevicePointer arranged) {
    int blocks = (mapElements() + BLOCK_THREADS - 1) / BLOCK_THREADS;
    arrange.launch(stream, new LaunchConfig(blocks, heads, 1, BLOCK_THREADS, 0), maps, arranged);
  }
}
