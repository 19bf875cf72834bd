package org.turboesm.fidelity;

import java.util.Arrays;

/** A growing list of doubles and its order statistics. */
final class DoubleSamples {
  private double[] samples = new double[64];
  private int count;

  void add(double sample) {
    if (count == samples.length) {
      samples = Arrays.copyOf(samples, 2 * count);
    }
    samples[count++] = sample;
  }

  /** NaN where nothing was added. */
  double mean() {
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += samples[i];
    }
    return sum / count;
  }

  /**
   * The smallest sample that at least this share of the samples does not exceed; NaN where nothing
   * was added.
   */
  double percentile(double share) {
    if (count == 0) {
      return Double.NaN;
    }
    double[] sorted = Arrays.copyOf(samples, count);
    Arrays.sort(sorted);
    int rank = (int) Math.ceil(share * count) - 1;
    return sorted[Math.max(0, rank)];
  }
}
