package org.turboesm.calibration;

import java.util.Arrays;
import org.turboesm.kv.Codebook;

/** Fits one head's tables to the histograms of its channels. */
final class CodebookFit {
  /** The widest code of an allotted channel, unless all must be wider. */
  private static final int MAX_ALLOTTED_BITS = 7;

  private CodebookFit() {}

  /**
   * A table a channel, bits allotted by distortion.
   *
   * @param counts [headDim][bins]
   * @param scales [headDim], the unit of each channel's histogram
   * @param meanBits bits a channel on average, met exactly
   */
  static Codebook allotted(long[][] counts, float[] scales, int meanBits) {
    int headDim = counts.length;
    int maxBits = Math.max(MAX_ALLOTTED_BITS, meanBits);
    LloydMax.Quantizer[][] quantizers = new LloydMax.Quantizer[headDim][maxBits + 1];
    double[][] distortions = new double[headDim][maxBits + 1];
    for (int c = 0; c < headDim; c++) {
      LloydMax lloydMax = new LloydMax(counts[c]);
      for (int bits = 0; bits <= maxBits; bits++) {
        quantizers[c][bits] = lloydMax.fit(1 << bits);
        distortions[c][bits] = quantizers[c][bits].distortion() * scales[c] * scales[c];
      }
    }
    int[] bits = BitAllocation.allot(distortions, meanBits * headDim);
    float[][] centroids = new float[headDim][];
    float[][] thresholds = new float[headDim][];
    for (int c = 0; c < headDim; c++) {
      centroids[c] = scaled(quantizers[c][bits[c]].centroids(), scales[c]);
      thresholds[c] = scaled(quantizers[c][bits[c]].thresholds(), scales[c]);
    }
    return new Codebook(bits, centroids, thresholds);
  }

  /**
   * One table for all channels of the head, as the paper has it.
   *
   * @param counts [headDim][bins], all in the unit {@code scale}
   * @param withSign whether a further bit tells the residual's sign, worth one mean magnitude
   */
  static Codebook shared(long[][] counts, float scale, int bits, boolean withSign) {
    LloydMax lloydMax = new LloydMax(pooled(counts));
    LloydMax.Quantizer quantizer = lloydMax.fit(1 << bits);
    double[] centroids = quantizer.centroids();
    double[] thresholds = quantizer.thresholds();
    if (withSign) {
      double magnitude = lloydMax.meanMagnitude(quantizer);
      centroids = signedCentroids(quantizer, magnitude);
      thresholds = signedThresholds(quantizer);
    }
    int headDim = counts.length;
    int[] widths = new int[headDim];
    float[][] allCentroids = new float[headDim][];
    float[][] allThresholds = new float[headDim][];
    Arrays.fill(widths, withSign ? bits + 1 : bits);
    Arrays.fill(allCentroids, scaled(centroids, scale));
    Arrays.fill(allThresholds, scaled(thresholds, scale));
    return new Codebook(widths, allCentroids, allThresholds);
  }

  /** Each centroid less and more the residual's mean magnitude. */
  private static double[] signedCentroids(LloydMax.Quantizer quantizer, double magnitude) {
    double[] centroids = new double[2 * quantizer.centroids().length];
    for (int i = 0; i < quantizer.centroids().length; i++) {
      centroids[2 * i] = quantizer.centroids()[i] - magnitude;
      centroids[2 * i + 1] = quantizer.centroids()[i] + magnitude;
    }
    return centroids;
  }

  /** Between the signs of a code lies its centroid, between two codes their threshold. */
  private static double[] signedThresholds(LloydMax.Quantizer quantizer) {
    double[] thresholds = new double[2 * quantizer.centroids().length - 1];
    for (int i = 0; i < quantizer.centroids().length; i++) {
      thresholds[2 * i] = quantizer.centroids()[i];
    }
    for (int i = 0; i < quantizer.thresholds().length; i++) {
      thresholds[2 * i + 1] = quantizer.thresholds()[i];
    }
    return thresholds;
  }

  private static long[] pooled(long[][] counts) {
    long[] pooled = new long[HistogramBins.COUNT];
    for (long[] channel : counts) {
      for (int b = 0; b < pooled.length; b++) {
        pooled[b] += channel[b];
      }
    }
    return pooled;
  }

  private static float[] scaled(double[] values, float scale) {
    float[] scaled = new float[values.length];
    for (int i = 0; i < scaled.length; i++) {
      scaled[i] = (float) (values[i] * scale);
    }
    return scaled;
  }
}
