package org.turboesm.esm2;

import java.util.function.IntFunction;

/**
 * How long W_o makes the vectors of each head. With W_o,h the columns of W_o that head h feeds,
 * |W_o,h d|^2 is d^T G d for the Gram matrix G = W_o,h^T W_o,h, which costs headDim / hiddenSize of
 * mapping d. A layer's matrices are made when it is first asked for, and kept: hiddenSize headDim
 * doubles.
 */
public final class OutputGrams {
  private final int hiddenSize;
  private final int heads;
  private final int headDim;
  private final IntFunction<LinearWeights> attentionOutput;
  private final double[][][] grams;

  /**
   * Of a model.
   *
   * @param attentionOutput W_o and b_o of a layer; called at most once a layer
   */
  public OutputGrams(EsmConfig config, IntFunction<LinearWeights> attentionOutput) {
    this.hiddenSize = config.hiddenSize();
    this.heads = config.heads();
    this.headDim = config.headDim();
    this.attentionOutput = attentionOutput;
    this.grams = new double[config.layers()][][];
  }

  /**
   * |W_o,h d|^2.
   *
   * @param d [headDim]
   */
  public double squaredLength(int layer, int head, double[] d) {
    double[] gram = layer(layer)[head];
    double[] product = new double[headDim];
    for (int i = 0; i < headDim; i++) {
      double di = d[i];
      int row = i * headDim;
      for (int j = 0; j < headDim; j++) {
        product[j] += di * gram[row + j];
      }
    }
    double squaredLength = 0;
    for (int j = 0; j < headDim; j++) {
      squaredLength += product[j] * d[j];
    }
    // Where W_o,h maps d to nearly nothing, rounding can leave less than nothing.
    return Math.max(0, squaredLength);
  }

  /** The matrices of one layer, [heads][headDim * headDim]; not to be changed. */
  public synchronized double[][] layer(int layer) {
    if (grams[layer] == null) {
      grams[layer] = grams(attentionOutput.apply(layer).weight());
    }
    return grams[layer];
  }

  /**
   * The Gram matrices of one layer.
   *
   * @param weight [hiddenSize, heads * headDim]
   */
  private double[][] grams(float[] weight) {
    double[][] sums = new double[heads][headDim * headDim];
    double[] row = new double[headDim];
    for (int h = 0; h < heads; h++) {
      double[] gram = sums[h];
      for (int o = 0; o < hiddenSize; o++) {
        int offset = o * hiddenSize + h * headDim;
        for (int i = 0; i < headDim; i++) {
          row[i] = weight[offset + i];
        }
        for (int i = 0; i < headDim; i++) {
          double wi = row[i];
          int gramRow = i * headDim;
          for (int j = i; j < headDim; j++) {
            gram[gramRow + j] += wi * row[j];
          }
        }
      }
      for (int i = 0; i < headDim; i++) {
        for (int j = 0; j < i; j++) {
          gram[i * headDim + j] = gram[j * headDim + i];
        }
      }
    }
    return sums;
  }
}
