package org.turboesm.fidelity;

/** How far the token distributions of two runs are apart. */
final class LogitAgreement {
  private double divergence;
  private long agreements;
  private long rows;

  /**
   * Adds one token.
   *
   * @param reference [rows, vocabulary]
   * @param actual [rows, vocabulary]
   */
  void add(float[] reference, float[] actual, int row, int vocabulary) {
    double[] p = logSoftmax(reference, row, vocabulary);
    double[] q = logSoftmax(actual, row, vocabulary);
    for (int i = 0; i < vocabulary; i++) {
      divergence += Math.exp(p[i]) * (p[i] - q[i]);
    }
    if (argMax(p) == argMax(q)) {
      agreements++;
    }
    rows++;
  }

  /** Mean of KL(reference || actual), in nats. */
  double meanDivergence() {
    return Math.max(0, divergence / rows);
  }

  /** Share of rows whose likeliest token is the same. */
  double top1() {
    return (double) agreements / rows;
  }

  static double[] logSoftmax(float[] logits, int row, int vocabulary) {
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < vocabulary; i++) {
      max = Math.max(max, logits[row * vocabulary + i]);
    }
    double sum = 0;
    for (int i = 0; i < vocabulary; i++) {
      sum += Math.exp(logits[row * vocabulary + i] - max);
    }
    double[] result = new double[vocabulary];
    for (int i = 0; i < vocabulary; i++) {
      result[i] = logits[row * vocabulary + i] - max - Math.log(sum);
    }
    return result;
  }

  private static int argMax(double[] values) {
    int best = 0;
    for (int i = 1; i < values.length; i++) {
      if (values[i] > values[best]) {
        best = i;
      }
    }
    return best;
  }
}
