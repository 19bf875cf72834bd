package org.turboesm.calibration;

import java.io.Serializable;
import java.util.Arrays;

/**
 * Pass 2 of calibration: how one layer's transformed keys and values are distributed, channel by
 * channel, in units of the channel's scale. Counts are integers, so {@link #merge} is exact in any
 * order.
 *
 * <p>Costs 2 heads headDim 1024 longs.
 */
public final class HistogramAccumulator implements Serializable {
  private static final long serialVersionUID = 1L;

  private final int headDim;
  private final long[][] keyCounts;
  private final long[][] valueCounts;

  public HistogramAccumulator(int heads, int headDim) {
    this.headDim = headDim;
    this.keyCounts = new long[heads * headDim][HistogramBins.COUNT];
    this.valueCounts = new long[heads * headDim][HistogramBins.COUNT];
  }

  /**
   * Adds one head's key and value of one token.
   *
   * @param key [headDim], transformed
   * @param value [headDim], transformed
   */
  void add(int head, HeadTransform transform, float[] key, float[] value) {
    for (int c = 0; c < headDim; c++) {
      int channel = head * headDim + c;
      keyCounts[channel][HistogramBins.bin(key[c] / transform.keyScales()[c])]++;
      valueCounts[channel][HistogramBins.bin(value[c] / transform.valueScales()[c])]++;
    }
  }

  /** Adds the other's counts to these and returns these. */
  public HistogramAccumulator merge(HistogramAccumulator other) {
    if (keyCounts.length != other.keyCounts.length || headDim != other.headDim) {
      throw new IllegalArgumentException("histograms of different models cannot be merged");
    }
    add(other.keyCounts, keyCounts);
    add(other.valueCounts, valueCounts);
    return this;
  }

  private static void add(long[][] source, long[][] target) {
    for (int channel = 0; channel < target.length; channel++) {
      for (int b = 0; b < HistogramBins.COUNT; b++) {
        target[channel][b] += source[channel][b];
      }
    }
  }

  /** Counts of one head's key channels, [headDim][bins]. */
  long[][] keyCounts(int head) {
    return Arrays.copyOfRange(keyCounts, head * headDim, (head + 1) * headDim);
  }

  /** Counts of one head's value channels, [headDim][bins]. */
  long[][] valueCounts(int head) {
    return Arrays.copyOfRange(valueCounts, head * headDim, (head + 1) * headDim);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof HistogramAccumulator that
        && Arrays.deepEquals(keyCounts, that.keyCounts)
        && Arrays.deepEquals(valueCounts, that.valueCounts);
  }

  @Override
  public int hashCode() {
    return Arrays.deepHashCode(keyCounts);
  }
}
