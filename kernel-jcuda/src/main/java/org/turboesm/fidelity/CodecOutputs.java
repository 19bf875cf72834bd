package org.turboesm.fidelity;

import org.turboesm.attention.AttentionKernels;
import org.turboesm.kv.KvCodec;

/** Maps attention outputs over a codec's values back to the model's coordinates. */
record CodecOutputs(AttentionKernels kernels, KvCodec codec) {

  /**
   * Maps the outputs of one layer.
   *
   * @param outputs [rows, heads, headDim], in the codec's coordinates
   * @return [rows, heads, headDim]
   */
  float[] toModel(int layer, float[] outputs, int rows) {
    int heads = codec.heads().get(layer).size();
    float[] mapped = new float[outputs.length];
    for (int h = 0; h < heads; h++) {
      kernels.mapHead(codec.head(layer, h).output(), outputs, rows, heads, h, mapped);
    }
    return mapped;
  }
}
