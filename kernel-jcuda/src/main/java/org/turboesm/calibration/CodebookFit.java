package org.turboesm.calibration;

import java.util.Arrays;
import org.turboesm.calibration.CodecRecipe.Sign;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.PackedKvLayout;

/** Fits the tables of one head's keys or values to the histograms of its channels. */
final class CodebookFit {
  private final Tables tables;
  private final Sign sign;
  private final float[] scales;
  private final ChannelHistogram[] channels;

  /**
   * @param counts [headDim][bins]
   * @param scales [headDim], the unit of each channel's histogram
   * @param priorShare see {@link ChannelHistogram}; of channels with a table of their own
   */
  CodebookFit(Tables tables, Sign sign, long[][] counts, float[] scales, double priorShare) {
    this.tables = tables;
    this.sign = sign;
    this.scales = scales;
    this.channels =
        Arrays.stream(counts)
            .map(
                channel -> new ChannelHistogram(channel, tables == Tables.CHANNEL ? priorShare : 0))
            .toArray(ChannelHistogram[]::new);
  }

  /**
   * The mean squared error of each channel at each width, in the unit of the channels themselves.
   *
   * @return [headDim][maxBits + 1]
   */
  double[][] distortions(int maxBits) {
    double[][] distortions = new double[channels.length][maxBits + 1];
    for (int c = 0; c < channels.length; c++) {
      LloydMax fit = channels[c].lloydMax();
      for (int bits = 0; bits <= maxBits; bits++) {
        double distortion =
            sign == Sign.NONE
                ? fit.fit(1 << bits).distortion()
                : channels[c].meanSquaredError(lloydMax(fit, bits));
        distortions[c][bits] = distortion * scales[c] * scales[c];
      }
    }
    return distortions;
  }

  /**
   * The tables of given widths, all alike unless each channel has a table of its own.
   *
   * @param bits [headDim], without the bit of a sign beside the code
   */
  Codebook codebook(int[] bits) {
    int headDim = channels.length;
    int[] widths = bits.clone();
    float[][] centroids = new float[headDim][];
    float[][] thresholds = new float[headDim][];
    ScalarQuantizer shared = shared(bits[0]);
    for (int c = 0; c < headDim; c++) {
      ScalarQuantizer quantizer = shared == null ? own(c, bits[c]) : shared;
      if (sign == Sign.BESIDE) {
        widths[c]++;
      }
      centroids[c] = scaled(quantizer.centroids(), scales[c]);
      thresholds[c] = scaled(quantizer.thresholds(), scales[c]);
    }
    return new Codebook(widths, centroids, thresholds);
  }

  /** The quantizer of all channels; null where each has its own. */
  private ScalarQuantizer shared(int bits) {
    return switch (tables) {
      case SHARED -> lloydMax(ChannelHistogram.pooled(channels).lloydMax(), bits);
      case FLOAT8 -> Float8.quantizer(ChannelHistogram.pooled(channels).largest());
      case CHANNEL, UNIFORM -> null;
    };
  }

  private ScalarQuantizer own(int channel, int bits) {
    return tables == Tables.UNIFORM
        ? channels[channel].uniform(1 << bits)
        : lloydMax(channels[channel].lloydMax(), bits);
  }

  private ScalarQuantizer lloydMax(LloydMax fit, int bits) {
    if (sign == Sign.NONE || (sign == Sign.WITHIN && bits == 0)) {
      return fit.fit(1 << bits);
    }
    ScalarQuantizer unsigned = fit.fit(1 << (sign == Sign.WITHIN ? bits - 1 : bits));
    return unsigned.withSign(fit.meanMagnitude(unsigned));
  }

  /** The tables of values that are divided by a scale a token: even steps over [-1, 1]. */
  static Codebook tokenScaled(int headDim, int bits) {
    ScalarQuantizer quantizer = ScalarQuantizer.uniform(-1, 1, 1 << bits);
    int[] widths = new int[headDim];
    float[][] centroids = new float[headDim][];
    float[][] thresholds = new float[headDim][];
    Arrays.fill(widths, bits);
    Arrays.fill(centroids, scaled(quantizer.centroids(), 1));
    Arrays.fill(thresholds, scaled(quantizer.thresholds(), 1));
    return new Codebook(widths, centroids, thresholds);
  }

  /** The widest code that an allotment of so many bits a channel, on average, may give. */
  static int maxBits(double meanBits) {
    // Six bits a value on average leave seven little room.
    return meanBits > 6 ? PackedKvLayout.MAX_BITS : PackedKvLayout.MAX_BITS - 1;
  }

  private static float[] scaled(double[] values, float scale) {
    float[] scaled = new float[values.length];
    for (int i = 0; i < scaled.length; i++) {
      scaled[i] = (float) (values[i] * scale);
    }
    return scaled;
  }
}
