package org.turboesm.calibration;

import java.io.Serializable;
import java.util.Arrays;
import org.turboesm.kv.ChannelRange;

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
  private final Channels keys;
  private final Channels values;

  public HistogramAccumulator(int heads, int headDim) {
    this.headDim = headDim;
    this.keys = new Channels(heads * headDim);
    this.values = new Channels(heads * headDim);
  }

  /**
   * Adds one head's key and value of one token.
   *
   * @param key [headDim], transformed
   * @param keyCount how often it counts
   * @param value [headDim], transformed
   * @param valueCount how often it counts
   */
  void add(
      int head,
      HeadTransform transform,
      float[] key,
      long keyCount,
      float[] value,
      long valueCount) {
    keys.add(head * headDim, key, transform.keyScales(), keyCount);
    values.add(head * headDim, value, transform.valueScales(), valueCount);
  }

  /** Adds the other's counts to these and returns these. */
  public HistogramAccumulator merge(HistogramAccumulator other) {
    if (keys.counts.length != other.keys.counts.length || headDim != other.headDim) {
      throw new IllegalArgumentException("histograms of different models cannot be merged");
    }
    keys.merge(other.keys);
    values.merge(other.values);
    return this;
  }

  /** Counts of one head's key channels, [headDim][bins]. */
  long[][] keyCounts(int head) {
    return Arrays.copyOfRange(keys.counts, head * headDim, (head + 1) * headDim);
  }

  /** Counts of one head's value channels, [headDim][bins]. */
  long[][] valueCounts(int head) {
    return Arrays.copyOfRange(values.counts, head * headDim, (head + 1) * headDim);
  }

  /** Smallest and largest of one head's transformed keys, whatever they count. */
  ChannelRange keyRange(int head) {
    return keys.range(head * headDim, headDim);
  }

  /** Smallest and largest of one head's transformed values, whatever they count. */
  ChannelRange valueRange(int head) {
    return values.range(head * headDim, headDim);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof HistogramAccumulator that
        && keys.equals(that.keys)
        && values.equals(that.values);
  }

  @Override
  public int hashCode() {
    return keys.hashCode();
  }

  /** The channels of all heads. */
  private static final class Channels implements Serializable {
    private static final long serialVersionUID = 1L;

    private final long[][] counts;
    private final float[] lowest;
    private final float[] highest;

    Channels(int size) {
      this.counts = new long[size][HistogramBins.COUNT];
      this.lowest = new float[size];
      this.highest = new float[size];
      Arrays.fill(lowest, Float.POSITIVE_INFINITY);
      Arrays.fill(highest, Float.NEGATIVE_INFINITY);
    }

    void add(int first, float[] x, float[] scales, long count) {
      for (int c = 0; c < x.length; c++) {
        counts[first + c][HistogramBins.bin(x[c] / scales[c])] += count;
        lowest[first + c] = Math.min(lowest[first + c], x[c]);
        highest[first + c] = Math.max(highest[first + c], x[c]);
      }
    }

    void merge(Channels other) {
      for (int c = 0; c < counts.length; c++) {
        for (int b = 0; b < HistogramBins.COUNT; b++) {
          counts[c][b] += other.counts[c][b];
        }
        lowest[c] = Math.min(lowest[c], other.lowest[c]);
        highest[c] = Math.max(highest[c], other.highest[c]);
      }
    }

    ChannelRange range(int first, int size) {
      return new ChannelRange(
          Arrays.copyOfRange(lowest, first, first + size),
          Arrays.copyOfRange(highest, first, first + size));
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Channels that
          && Arrays.deepEquals(counts, that.counts)
          && Arrays.equals(lowest, that.lowest)
          && Arrays.equals(highest, that.highest);
    }

    @Override
    public int hashCode() {
      return Arrays.deepHashCode(counts);
    }
  }
}
