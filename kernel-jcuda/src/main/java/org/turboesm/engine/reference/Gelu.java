package org.turboesm.engine.reference;

/** The exact GELU, x Phi(x) (Hendrycks and Gimpel 2016). */
final class Gelu {
  private static final double TWO_OVER_SQRT_PI = 2 / Math.sqrt(Math.PI);

  private Gelu() {}

  static double exact(double x) {
    return 0.5 * x * (1 + erf(x / Math.sqrt(2)));
  }

  /**
   * The error function in double: for small x the Maclaurin series with alternation summed away
   * (Abramowitz and Stegun 7.1.6), beyond 3 the continued fraction of erfc (7.1.14). Both have
   * converged to double precision where they are used.
   */
  static double erf(double x) {
    double magnitude = Math.abs(x);
    double value = magnitude < 3 ? series(magnitude) : 1 - continuedFraction(magnitude);
    return x < 0 ? -value : value;
  }

  private static double series(double x) {
    double term = x;
    double sum = x;
    for (int n = 1; term > 1e-17 * sum; n++) {
      term *= 2 * x * x / (2 * n + 1);
      sum += term;
    }
    return TWO_OVER_SQRT_PI * Math.exp(-x * x) * sum;
  }

  private static double continuedFraction(double x) {
    double fraction = x;
    for (int n = 60; n > 0; n--) {
      fraction = x + n / 2.0 / fraction;
    }
    return Math.exp(-x * x) / (fraction * Math.sqrt(Math.PI));
  }
}
