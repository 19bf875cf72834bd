package org.turboesm.calibration;

import java.util.Arrays;

/**
 * The bins of all histograms: equal steps of asinh(x) for x in units of a standard deviation. Near
 * the mean that is a step of 0.016 standard deviations, far out 1.6% of x, so that outliers of a
 * thousand standard deviations keep their place.
 */
final class HistogramBins {
  static final int COUNT = 1024;
  private static final double RANGE = 8;
  private static final double STEP = 2 * RANGE / COUNT;
  private static final double[] CENTERS = new double[COUNT + 1];

  static {
    Arrays.setAll(CENTERS, bin -> Math.sinh((bin + 0.5) * STEP - RANGE));
  }

  private HistogramBins() {}

  static int bin(double x) {
    double asinh = Math.copySign(Math.log(Math.abs(x) + Math.sqrt(x * x + 1)), x);
    int bin = (int) Math.floor((asinh + RANGE) / STEP);
    return Math.max(0, Math.min(COUNT - 1, bin));
  }

  /** From a bin's centre to the next. */
  static double width(int bin) {
    return CENTERS[bin + 1] - CENTERS[bin];
  }

  /** Where a bin's values are taken to lie; one bin beyond the last is known too. */
  static double center(int bin) {
    return CENTERS[bin];
  }
}
