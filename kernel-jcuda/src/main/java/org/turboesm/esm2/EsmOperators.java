package org.turboesm.esm2;

/** What an engine supplies to the forward pass, beside attention. */
public interface EsmOperators {

  /** Makes a linear layer resident in the engine's precision; the weights given are not kept. */
  Linear linear(LinearWeights weights, Linear.Epilogue epilogue);

  /** Makes a linear layer resident in full precision, whatever the engine's is. */
  default Linear fullPrecisionLinear(LinearWeights weights, Linear.Epilogue epilogue) {
    return linear(weights, epilogue);
  }

  /**
   * LayerNorm of each row.
   *
   * @param input [rows, hidden]
   * @param output [rows, hidden]; may be {@code input}
   */
  void layerNorm(float[] input, int rows, LayerNormWeights weights, float eps, float[] output);

  /**
   * Scales one token's heads and rotates channel i of each with channel i + half, in place.
   *
   * @param x [heads, 2 * half] from {@code offset} on
   * @param cosines [half] from {@code angle} on
   * @param sines [half] from {@code angle} on
   */
  default void rotate(
      float[] x,
      int offset,
      int heads,
      int half,
      float[] cosines,
      float[] sines,
      int angle,
      float scale) {
    for (int head = offset; head < offset + heads * 2 * half; head += 2 * half) {
      for (int i = 0; i < half; i++) {
        float a = x[head + i] * scale;
        float b = x[head + half + i] * scale;
        x[head + i] = a * cosines[angle + i] - b * sines[angle + i];
        x[head + half + i] = b * cosines[angle + i] + a * sines[angle + i];
      }
    }
  }

  /**
   * Several linear layers of one LayerNorm: outputs[i] = linears[i](LayerNorm(x)).
   *
   * @param x [rows, hidden]
   * @param linears made by {@link #linear} of these operators
   * @param outputs of each linear, [rows, its outputs]
   */
  default void normedLinears(
      float[] x, int rows, LayerNormWeights norm, float eps, Linear[] linears, float[][] outputs) {
    float[] normed = new float[rows * norm.weight().length];
    layerNorm(x, rows, norm, eps, normed);
    for (int i = 0; i < linears.length; i++) {
      linears[i].apply(normed, rows, outputs[i]);
    }
  }

  /**
   * A transformer layer's second half: x += output(intermediate(LayerNorm(x))).
   *
   * @param x [rows, hidden]
   * @param intermediate made with {@link Linear.Epilogue#GELU}
   * @param output made with {@link Linear.Epilogue#ADD}
   */
  default void feedForward(
      float[] x, int rows, LayerNormWeights norm, float eps, Linear intermediate, Linear output) {
    float[] normed = new float[rows * norm.weight().length];
    layerNorm(x, rows, norm, eps, normed);
    float[] wide = new float[rows * intermediate.outputs()];
    intermediate.apply(normed, rows, wide);
    output.apply(wide, rows, x);
  }
}
