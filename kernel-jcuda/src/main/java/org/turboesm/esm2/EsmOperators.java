package org.turboesm.esm2;

/** What an engine supplies to the forward pass, beside attention. */
public interface EsmOperators {

  /** Makes a linear layer resident; the weights given are not kept. */
  Linear linear(LinearWeights weights, Linear.Epilogue epilogue);

  /**
   * LayerNorm of each row.
   *
   * @param input [rows, hidden]
   * @param output [rows, hidden]; may be {@code input}
   */
  void layerNorm(float[] input, int rows, LayerNormWeights weights, float eps, float[] output);
}
