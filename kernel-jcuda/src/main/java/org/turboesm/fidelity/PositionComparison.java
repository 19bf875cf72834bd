package org.turboesm.fidelity;

/** Collects cosines by the position of their tokens. */
final class PositionComparison {
  /** From 1, 2, 4, ... 2^13 on. */
  static final int BINS = 14;

  private final long[] tokens = new long[BINS];
  private final double[] cosines = new double[BINS];

  /**
   * Adds one token.
   *
   * @param position from 1 on
   */
  void add(int position, double cosine) {
    if (position < 1) {
      throw new IllegalArgumentException("position " + position + " is before the first, 1");
    }
    int log2 = Integer.SIZE - 1 - Integer.numberOfLeadingZeros(position);
    int bin = Math.min(log2, BINS - 1);
    tokens[bin]++;
    cosines[bin] += cosine;
  }

  PositionFidelity result() {
    double[] means = new double[BINS];
    for (int bin = 0; bin < BINS; bin++) {
      means[bin] = cosines[bin] / tokens[bin];
    }
    return new PositionFidelity(tokens.clone(), means);
  }
}
