package org.turboesm.engine.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.turboesm.cuda.CudaContext;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.engine.Precision;
import org.turboesm.engine.ValueFolding;
import org.turboesm.esm2.EsmForward.ValueProjections;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.LinearWeights;
import org.turboesm.kv.KvCodec;

/** A model's weights on the device, shared by all that run it. */
final class DeviceWeights implements AutoCloseable {
  private final WeightUpload upload;
  private final Precision storage;
  private final DevicePointer wordEmbeddings;
  private final List<DeviceLayer> layers;
  private final DeviceNorm finalNorm;
  private final Optional<LmHead> lmHead;

  /** The language-model head, in floats whatever the precision. */
  record LmHead(DeviceLinear dense, DeviceNorm norm, DeviceLinear decoder) {}

  private DeviceWeights(
      WeightUpload upload,
      Precision storage,
      DevicePointer wordEmbeddings,
      List<DeviceLayer> layers,
      DeviceNorm finalNorm,
      Optional<LmHead> lmHead) {
    this.upload = upload;
    this.storage = storage;
    this.wordEmbeddings = wordEmbeddings;
    this.layers = layers;
    this.finalNorm = finalNorm;
    this.lmHead = lmHead;
  }

  /**
   * Uploads a model.
   *
   * @throws org.turboesm.OutOfDeviceMemoryException if it does not fit; then nothing stays
   */
  static DeviceWeights load(CudaContext context, EsmWeights weights, Precision storage) {
    WeightUpload upload = new WeightUpload(context);
    try {
      List<DeviceLayer> layers = new ArrayList<>();
      for (int i = 0; i < weights.config().layers(); i++) {
        layers.add(layer(upload, weights, i, storage));
      }
      return new DeviceWeights(
          upload,
          storage,
          upload.floats(weights.wordEmbeddings()),
          List.copyOf(layers),
          upload.norm(weights.finalNorm()),
          weights
              .lmHead()
              .map(
                  head ->
                      new LmHead(
                          upload.linear(head.dense(), Precision.F32),
                          upload.norm(head.norm()),
                          upload.linear(head.decoder(), Precision.F32))));
    } catch (RuntimeException e) {
      upload.close();
      throw e;
    }
  }

  private static DeviceLayer layer(
      WeightUpload upload, EsmWeights weights, int i, Precision storage) {
    DeviceLinear projections =
        upload.linear(
            WeightUpload.stacked(weights.query(i), weights.key(i), weights.value(i)), storage);
    return new DeviceLayer(
        upload.norm(weights.attentionNorm(i)),
        new DeviceProjections(List.of(projections), projections.bias(), projections.scales()),
        upload.linear(weights.attentionOutput(i), storage),
        upload.norm(weights.feedForwardNorm(i)),
        upload.linear(weights.intermediate(i), storage),
        upload.linear(weights.output(i), storage));
  }

  /**
   * The same weights with a codec's value transforms folded into W_v and W_o. Queries and keys are
   * the first two thirds of the projections that this model has; the result must be closed before
   * it.
   */
  DeviceWeights fold(CudaContext context, EsmWeights weights, KvCodec codec) {
    WeightUpload folded = new WeightUpload(context);
    try {
      List<DeviceLayer> foldedLayers = new ArrayList<>();
      for (int i = 0; i < layers.size(); i++) {
        ValueProjections projections =
            ValueFolding.fold(
                codec.heads().get(i),
                new ValueProjections(weights.value(i), weights.attentionOutput(i)));
        foldedLayers.add(
            layers
                .get(i)
                .with(
                    withValues(folded, weights, i, projections.value()),
                    folded.linear(projections.attentionOutput(), storage)));
      }
      return new DeviceWeights(
          folded, storage, wordEmbeddings, List.copyOf(foldedLayers), finalNorm, lmHead);
    } catch (RuntimeException e) {
      folded.close();
      throw e;
    }
  }

  private DeviceProjections withValues(
      WeightUpload folded, EsmWeights weights, int i, LinearWeights value) {
    DeviceLinear all = layers.get(i).projections().parts().get(0);
    int hidden = value.outputs();
    int inputs = value.inputs();
    DeviceLinear queriesAndKeys =
        new DeviceLinear(
            inputs,
            2 * hidden,
            all.weight().range(0, all.weight().bytes() / 3 * 2),
            all.bias(),
            all.scales());
    DeviceLinear values = folded.linear(value, storage);
    DevicePointer bias =
        folded.floats(joined(weights.query(i).bias(), weights.key(i).bias(), value.bias()));
    return new DeviceProjections(
        List.of(queriesAndKeys, values), bias, folded.joinedScales(all.scales(), values, hidden));
  }

  private static float[] joined(float[]... parts) {
    int size = 0;
    for (float[] part : parts) {
      size += part.length;
    }
    float[] joined = new float[size];
    int offset = 0;
    for (float[] part : parts) {
      System.arraycopy(part, 0, joined, offset, part.length);
      offset += part.length;
    }
    return joined;
  }

  /** Floats, [vocabulary, hidden]. */
  DevicePointer wordEmbeddings() {
    return wordEmbeddings;
  }

  List<DeviceLayer> layers() {
    return layers;
  }

  DeviceNorm finalNorm() {
    return finalNorm;
  }

  Optional<LmHead> lmHead() {
    return lmHead;
  }

  @Override
  public void close() {
    upload.close();
  }
}
