package org.turboesm.engine.cuda;

/**
 * Attention of one query in double.
 *
 * @param output [headDim]
 * @param magnitude [headDim]: the same of the values' magnitudes, which rounding errors of sums are
 *     relative to
 * @param largestTerms the largest sum of |q k| over the channels of a key, which a logit's rounding
 *     error is relative to
 * @param max the largest logit
 * @param denominator the sum of exp(logit - max)
 */
record ExpectedAttention(
    double[] output, double[] magnitude, double largestTerms, double max, double denominator) {
  /** Half a unit in the last place of 1. */
  private static final double U = 0x1p-24;

  /** An element of a cache. */
  @FunctionalInterface
  interface Element {
    float at(int token, int channel);
  }

  /** Attention of a query, [headDim] from its offset on, over the tokens of a range. */
  static ExpectedAttention of(
      float[] queries, int offset, int headDim, int first, int end, Element keys, Element values) {
    double[] logits = new double[end - first];
    double largestTerms = 0;
    double max = Double.NEGATIVE_INFINITY;
    for (int t = first; t < end; t++) {
      double terms = 0;
      for (int c = 0; c < headDim; c++) {
        double product = (double) queries[offset + c] * keys.at(t, c);
        logits[t - first] += product;
        terms += Math.abs(product);
      }
      max = Math.max(max, logits[t - first]);
      largestTerms = Math.max(largestTerms, terms);
    }
    double denominator = 0;
    double[] output = new double[headDim];
    double[] magnitude = new double[headDim];
    for (int t = first; t < end; t++) {
      double weight = Math.exp(logits[t - first] - max);
      denominator += weight;
      for (int c = 0; c < headDim; c++) {
        output[c] += weight * values.at(t, c);
        magnitude[c] += weight * Math.abs(values.at(t, c));
      }
    }
    for (int c = 0; c < headDim; c++) {
      output[c] /= denominator;
      magnitude[c] /= denominator;
    }
    return new ExpectedAttention(output, magnitude, largestTerms, max, denominator);
  }

  /**
   * The worst relative error of a sum of weights, or of weighted values' magnitudes, in float. With
   * B the largest sum of |q k|: a logit of headDim products, each of a q times a rounded log2(e),
   * errs by (headDim + 3) u B, twice that where tensor cores truncate instead of rounding; its
   * difference to m, and the differences of successive m that rescaling adds up, are within 2 B of
   * each other and round by u of that twice. The exponential, of which one instruction gives 22
   * bits, adds 4 u, and so does each of the rescales, which multiply once more; the sum of n terms
   * errs by n u, again twice that on tensor cores.
   */
  private double sumError(int headDim, int kvLen, int rescales) {
    double logit = 2 * (headDim + 3) * U * largestTerms + 4 * U * largestTerms;
    return Math.expm1(logit) + (2 * kvLen + 4 + 5 * rescales) * U;
  }

  /**
   * How far a channel may be off: both sums' errors, the division, the weights' rounding before
   * they are multiplied with values, and the output's.
   *
   * @param rescales the most times that a sum is multiplied by a power of two of a difference
   * @param weightRoundoff of the weights before the product with values; 0 if they stay floats
   */
  double limit(int channel, int kvLen, int rescales, double weightRoundoff, double outputRoundoff) {
    double sums = 2 * sumError(output.length, kvLen, rescales) + 2 * U + weightRoundoff;
    return sums * magnitude[channel] * (1 + outputRoundoff)
        + outputRoundoff * Math.abs(output[channel]);
  }

  /** log2 of the sum of exp(logit): what a state's m + log2(d) is. */
  double logSum() {
    return (max + Math.log(denominator)) / Math.log(2);
  }

  /** How far a state's m + log2(d) may be off: by the sum's error, as m's own is taken up by d. */
  double logSumLimit(int kvLen, int rescales) {
    double sum = sumError(output.length, kvLen, rescales);
    // m and log2(d) are floats of their own, and added here.
    return sum / Math.log(2) + 2 * U * Math.abs(logSum());
  }
}
