package org.turboesm.calibration;

/**
 * Levels of one channel, in the units of its histogram.
 *
 * @param centroids [levels], ascending
 * @param thresholds [levels - 1], ascending
 * @param distortion the mean squared error on the histogram; NaN where it was not measured
 */
record ScalarQuantizer(double[] centroids, double[] thresholds, double distortion) {

  /** Levels evenly from the lowest to the highest, both among them. */
  static ScalarQuantizer uniform(double lowest, double highest, int levels) {
    double[] centroids = new double[levels];
    for (int i = 0; i < levels; i++) {
      double share = levels == 1 ? 0.5 : (double) i / (levels - 1);
      centroids[i] = lowest + share * (highest - lowest);
    }
    return nearest(centroids);
  }

  /** Values go to the nearest level. */
  static ScalarQuantizer nearest(double[] centroids) {
    double[] thresholds = new double[centroids.length - 1];
    for (int i = 0; i < thresholds.length; i++) {
      thresholds[i] = (centroids[i] + centroids[i + 1]) / 2;
    }
    return new ScalarQuantizer(centroids, thresholds, Double.NaN);
  }

  /**
   * One bit more, which tells the residual's sign: each centroid less and more a magnitude. Between
   * the signs of a code lies its centroid, between two codes their threshold.
   */
  ScalarQuantizer withSign(double magnitude) {
    double[] signedCentroids = new double[2 * centroids.length];
    double[] signedThresholds = new double[2 * centroids.length - 1];
    for (int i = 0; i < centroids.length; i++) {
      signedCentroids[2 * i] = centroids[i] - magnitude;
      signedCentroids[2 * i + 1] = centroids[i] + magnitude;
      signedThresholds[2 * i] = centroids[i];
    }
    for (int i = 0; i < thresholds.length; i++) {
      signedThresholds[2 * i + 1] = thresholds[i];
    }
    return new ScalarQuantizer(signedCentroids, signedThresholds, Double.NaN);
  }
}
