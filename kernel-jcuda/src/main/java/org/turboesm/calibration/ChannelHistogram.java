package org.turboesm.calibration;

import java.util.Arrays;

/**
 * The distribution of one channel in units of its scale, and quantizers for it. Calibration on few
 * tokens leaves a histogram that other tokens do not follow; a prior, the normal distribution of
 * the channel's scale, is mixed in by a share that shrinks with the number of tokens.
 */
final class ChannelHistogram {
  /** Even steps are tried over these shares of the range, since outliers widen all steps. */
  private static final int CLIPPINGS = 20;

  private static final double[] NORMAL = normal();

  private final double[] counts;

  /**
   * @param counts [bins]; none at all leave the prior alone
   * @param priorShare the weight of the prior, as a share of all counts
   */
  ChannelHistogram(long[] counts, double priorShare) {
    double total = Arrays.stream(counts).sum();
    double prior = total > 0 ? priorShare * total : 1;
    this.counts = new double[HistogramBins.COUNT];
    for (int b = 0; b < HistogramBins.COUNT; b++) {
      this.counts[b] = counts[b] + prior * NORMAL[b];
    }
  }

  private ChannelHistogram(double[] counts) {
    this.counts = counts;
  }

  private static double[] normal() {
    double[] mass = new double[HistogramBins.COUNT];
    for (int b = 0; b < mass.length; b++) {
      double center = HistogramBins.center(b);
      mass[b] = Math.exp(-center * center / 2) * HistogramBins.width(b);
    }
    double total = Arrays.stream(mass).sum();
    return Arrays.stream(mass).map(m -> m / total).toArray();
  }

  /** All channels together. */
  static ChannelHistogram pooled(ChannelHistogram[] channels) {
    double[] pooled = new double[HistogramBins.COUNT];
    for (ChannelHistogram channel : channels) {
      for (int b = 0; b < pooled.length; b++) {
        pooled[b] += channel.counts[b];
      }
    }
    return new ChannelHistogram(pooled);
  }

  LloydMax lloydMax() {
    return new LloydMax(counts);
  }

  /** The largest magnitude that occurs. */
  double largest() {
    return Math.max(Math.abs(lowest()), Math.abs(highest()));
  }

  private double lowest() {
    int bin = 0;
    while (bin < counts.length - 1 && counts[bin] == 0) {
      bin++;
    }
    return HistogramBins.center(bin);
  }

  private double highest() {
    int bin = counts.length - 1;
    while (bin > 0 && counts[bin] == 0) {
      bin--;
    }
    return HistogramBins.center(bin);
  }

  /** Even steps over that share of the range which errs least. */
  ScalarQuantizer uniform(int levels) {
    ScalarQuantizer best = null;
    double least = Double.POSITIVE_INFINITY;
    for (int i = 1; i <= CLIPPINGS; i++) {
      double share = (double) i / CLIPPINGS;
      ScalarQuantizer quantizer =
          ScalarQuantizer.uniform(share * lowest(), share * highest(), levels);
      double distortion = meanSquaredError(quantizer);
      if (distortion < least) {
        least = distortion;
        best = quantizer;
      }
    }
    return best;
  }

  /** Of values that go to the quantizer's levels by its thresholds. */
  double meanSquaredError(ScalarQuantizer quantizer) {
    double sum = 0;
    double total = 0;
    int code = 0;
    for (int b = 0; b < counts.length; b++) {
      double center = HistogramBins.center(b);
      while (code < quantizer.thresholds().length && center > quantizer.thresholds()[code]) {
        code++;
      }
      double error = center - quantizer.centroids()[code];
      sum += counts[b] * error * error;
      total += counts[b];
    }
    return sum / total;
  }
}
