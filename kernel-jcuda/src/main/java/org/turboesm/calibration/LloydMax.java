package org.turboesm.calibration;

/**
 * Lloyd-Max scalar quantizers of a histogram (Lloyd 1982, Max 1960): centroids are the means of
 * their cells, thresholds the midpoints between centroids.
 */
final class LloydMax {
  private static final int MAX_ITERATIONS = 200;
  private static final double CONVERGED = 1e-7;

  /**
   * A cell with a smaller share of all counts is empty: differences of cumulative sums, which
   * double holds to 1e-16, tell little of it.
   */
  private static final double EMPTY = 1e-13;

  private final double[] cumulativeCount = new double[HistogramBins.COUNT + 1];
  private final double[] cumulativeSum = new double[HistogramBins.COUNT + 1];
  private final double[] cumulativeSquare = new double[HistogramBins.COUNT + 1];

  /**
   * @param counts [bins], not all zero
   */
  LloydMax(double[] counts) {
    for (int b = 0; b < HistogramBins.COUNT; b++) {
      double center = HistogramBins.center(b);
      cumulativeCount[b + 1] = cumulativeCount[b] + counts[b];
      cumulativeSum[b + 1] = cumulativeSum[b] + counts[b] * center;
      cumulativeSquare[b + 1] = cumulativeSquare[b] + counts[b] * center * center;
    }
    if (cumulativeCount[HistogramBins.COUNT] == 0) {
      throw new IllegalArgumentException("a histogram without counts");
    }
  }

  ScalarQuantizer fit(int levels) {
    double[] centroids = initial(levels);
    double[] thresholds = new double[levels - 1];
    int[] edges = new int[levels + 1];
    edges[levels] = HistogramBins.COUNT;
    double previous = Double.POSITIVE_INFINITY;
    double distortion = previous;
    for (int iteration = 0; iteration < MAX_ITERATIONS; iteration++) {
      for (int i = 1; i < levels; i++) {
        thresholds[i - 1] = (centroids[i - 1] + centroids[i]) / 2;
        edges[i] = edge(thresholds[i - 1]);
      }
      distortion = update(edges, centroids);
      if (previous - distortion <= CONVERGED * distortion) {
        break;
      }
      previous = distortion;
    }
    for (int i = 1; i < levels; i++) {
      thresholds[i - 1] = (centroids[i - 1] + centroids[i]) / 2;
    }
    return new ScalarQuantizer(centroids, thresholds, distortion);
  }

  /** The mean distance of a value from its centroid. */
  double meanMagnitude(ScalarQuantizer quantizer) {
    double sum = 0;
    int code = 0;
    for (int b = 0; b < HistogramBins.COUNT; b++) {
      double center = HistogramBins.center(b);
      while (code < quantizer.thresholds().length && center > quantizer.thresholds()[code]) {
        code++;
      }
      double count = cumulativeCount[b + 1] - cumulativeCount[b];
      sum += count * Math.abs(center - quantizer.centroids()[code]);
    }
    return sum / cumulativeCount[HistogramBins.COUNT];
  }

  /** The first bin whose centre lies above the threshold. */
  private static int edge(double threshold) {
    int bin = HistogramBins.bin(threshold);
    return HistogramBins.center(bin) > threshold ? bin : bin + 1;
  }

  /** Moves centroids to the means of their cells; an empty cell keeps its own. */
  private double update(int[] edges, double[] centroids) {
    double error = 0;
    for (int i = 0; i < centroids.length; i++) {
      double count = cumulativeCount[edges[i + 1]] - cumulativeCount[edges[i]];
      if (count > EMPTY * cumulativeCount[HistogramBins.COUNT]) {
        double sum = cumulativeSum[edges[i + 1]] - cumulativeSum[edges[i]];
        double square = cumulativeSquare[edges[i + 1]] - cumulativeSquare[edges[i]];
        // Differences of running sums are no better than their last places, so that the mean of a
        // cell of next to nothing may come out beside it.
        double lowest = HistogramBins.center(edges[i]);
        double highest = HistogramBins.center(edges[i + 1] - 1);
        centroids[i] = Math.max(lowest, Math.min(highest, sum / count));
        error += Math.max(0, square - sum * sum / count);
      }
    }
    return error / cumulativeCount[HistogramBins.COUNT];
  }

  /**
   * Starts where the best point density of a fine quantizer is, the cube root of the value's
   * density (Panter and Dite 1951).
   */
  private double[] initial(int levels) {
    double[] cumulative = new double[HistogramBins.COUNT + 1];
    for (int b = 0; b < HistogramBins.COUNT; b++) {
      double width = HistogramBins.center(b + 1) - HistogramBins.center(b);
      double density = (cumulativeCount[b + 1] - cumulativeCount[b]) / width;
      cumulative[b + 1] = cumulative[b] + Math.cbrt(density) * width;
    }
    double[] centroids = new double[levels];
    int bin = 0;
    for (int i = 0; i < levels; i++) {
      double target = (i + 0.5) / levels * cumulative[HistogramBins.COUNT];
      while (cumulative[bin + 1] < target) {
        bin++;
      }
      double share = (target - cumulative[bin]) / (cumulative[bin + 1] - cumulative[bin]);
      centroids[i] =
          HistogramBins.center(bin) * (1 - share) + HistogramBins.center(bin + 1) * share;
    }
    return centroids;
  }
}
