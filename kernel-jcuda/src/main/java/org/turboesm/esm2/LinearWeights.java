package org.turboesm.esm2;

/**
 * A linear layer, y = W x + b.
 *
 * @param weight [outputs, inputs], row-major
 * @param bias [outputs]
 */
public record LinearWeights(int inputs, int outputs, float[] weight, float[] bias) {
  public LinearWeights {
    if (weight.length != inputs * outputs || bias.length != outputs) {
      throw new IllegalArgumentException(
          "a [" + outputs + ", " + inputs + "] layer with " + weight.length + " weights");
    }
  }
}
