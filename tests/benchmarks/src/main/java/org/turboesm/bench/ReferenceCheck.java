package org.turboesm.bench;

import java.util.Arrays;
import org.turboesm.TurboEsmException;

/** Holds a benchmarked kernel's result against the reference's: a wrong kernel is not timed. */
final class ReferenceCheck {
  private static final double ROUNDOFF = 0x1p-24;

  private ReferenceCheck() {}

  /**
   * The limit on an attention output's error. A logit of headDim products errs by at most (headDim
   * + 1) u |q| |k|; exp carries it over as a relative error and adds 2 u; the sums over kvLen keys
   * err by kvLen u each. Twice that, for two kernels, times the largest value.
   */
  static double attentionLimit(
      int headDim, int kvLen, double queryNorm, double keyNorm, double largestValue) {
    double logitError = (headDim + 1) * ROUNDOFF * queryNorm * keyNorm;
    return 2 * (logitError + (kvLen + 4) * ROUNDOFF) * largestValue;
  }

  /**
   * The same where operands are rounded to a roundoff of their own and keys are centred, which may
   * double them: logits err by 2 roundoff |q| |2 k| more, weights and values by one roundoff each,
   * and the mean key by kvLen u.
   */
  static double tiledAttentionLimit(
      int headDim,
      int kvLen,
      double queryNorm,
      double keyNorm,
      double largestValue,
      double roundoff) {
    double inFloat =
        attentionLimit(headDim + kvLen, 2 * kvLen, queryNorm, 2 * keyNorm, largestValue);
    return inFloat + 2 * (4 * roundoff * queryNorm * keyNorm + 2 * roundoff) * largestValue;
  }

  /** The largest norm of the vectors of {@code size} values. */
  static double largestNorm(float[] vectors, int size) {
    double largest = 0;
    for (int first = 0; first < vectors.length; first += size) {
      double square = 0;
      for (int c = first; c < first + size; c++) {
        square += (double) vectors[c] * vectors[c];
      }
      largest = Math.max(largest, Math.sqrt(square));
    }
    return largest;
  }

  static double largestMagnitude(float[] values) {
    double largest = 0;
    for (float value : values) {
      largest = Math.max(largest, Math.abs(value));
    }
    return largest;
  }

  static void requireClose(String kernel, float[] actual, float[] expected, double limit) {
    for (int i = 0; i < expected.length; i++) {
      if (!(Math.abs(actual[i] - expected[i]) <= limit)) {
        throw wrong(kernel, i, actual[i], expected[i], "within " + limit);
      }
    }
  }

  static void requireEqual(String kernel, float[] actual, float[] expected) {
    requireClose(kernel, actual, expected, 0);
  }

  static void requireEqual(String kernel, int[] actual, int[] expected) {
    int i = Arrays.mismatch(actual, expected);
    if (i >= 0) {
      throw wrong(kernel, i, actual[i], expected[i], "equal");
    }
  }

  private static TurboEsmException wrong(
      String kernel, int index, Number actual, Number expected, String how) {
    return new TurboEsmException(
        kernel
            + ": element "
            + index
            + " is "
            + actual
            + ", the reference's is "
            + expected
            + ", and must be "
            + how
            + " (seed "
            + NormalValues.SEED
            + "); a wrong kernel is not timed, run its contract test");
  }
}
