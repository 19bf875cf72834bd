package org.turboesm.fidelity;

import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.OutputGrams;

/**
 * The error that each head's attention output of one protein leaves after W_o. Errors of heads can
 * cancel or reinforce one another there, so that the heads' need not sum to that of the layer.
 */
final class HeadComparison {
  private final OutputGrams grams;
  private final int headDim;
  private final double[][] squaredErrors;

  HeadComparison(EsmConfig config, OutputGrams grams) {
    this.grams = grams;
    this.headDim = config.headDim();
    this.squaredErrors = new double[config.layers()][config.heads()];
  }

  /**
   * Adds one token of one layer.
   *
   * @param reference [rows, heads, headDim]
   * @param actual [rows, heads, headDim]
   */
  void add(int layer, float[] reference, float[] actual, int row) {
    double[] difference = new double[headDim];
    for (int h = 0; h < squaredErrors[layer].length; h++) {
      int offset = (row * squaredErrors[layer].length + h) * headDim;
      for (int c = 0; c < headDim; c++) {
        difference[c] = (double) actual[offset + c] - reference[offset + c];
      }
      squaredErrors[layer][h] += grams.squaredLength(layer, h, difference);
    }
  }

  /**
   * Squared error of each head over the squared length of the layer's W_o o + b_o.
   *
   * @param whole of the same tokens
   * @return [layers][heads]; NaN where no token was added
   */
  double[][] nmse(AttentionComparison whole) {
    double[][] nmse = new double[squaredErrors.length][];
    for (int l = 0; l < nmse.length; l++) {
      nmse[l] = squaredErrors[l].clone();
      for (int h = 0; h < nmse[l].length; h++) {
        nmse[l][h] /= whole.squaredReference(l);
      }
    }
    return nmse;
  }
}
