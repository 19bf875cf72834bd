package org.turboesm.kv;

import java.io.Serializable;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * The look-up tables of one head's keys or values: for each channel a code width, the ascending
 * thresholds between its codes, and a centroid for each code. Code c is the number of thresholds
 * below the value, so codes ascend with it. Every codec is such tables: the paper's sign of the
 * residual is the lowest bit of a code, its thresholds the eight centroids among the seven
 * midpoints.
 */
public final class Codebook implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Entries behind the last table, so that a kernel may read sixteen from where a table starts. */
  private static final int PADDING = 16;

  private final int[] bits;
  private final int[] offsets;
  private final float[] centroids;
  private final float[] thresholds;
  private final int[] planes;
  private final int[] widestFirst;
  private final int codedChannels;
  private final float[] middles;
  private final float[] halfRanges;

  /**
   * @param bits [headDim], 0 to 8
   * @param centroids [headDim][2^bits]
   * @param thresholds [headDim][2^bits - 1], ascending
   */
  public Codebook(int[] bits, float[][] centroids, float[][] thresholds) {
    this.bits = bits.clone();
    this.offsets = new int[bits.length + 1];
    for (int c = 0; c < bits.length; c++) {
      if (bits[c] < 0 || bits[c] > PackedKvLayout.MAX_BITS) {
        throw new IllegalArgumentException("channel " + c + " has " + bits[c] + " bits");
      }
      if (centroids[c].length != 1 << bits[c] || thresholds[c].length != (1 << bits[c]) - 1) {
        throw new IllegalArgumentException(
            "channel "
                + c
                + " of "
                + bits[c]
                + " bits has "
                + centroids[c].length
                + " centroids and "
                + thresholds[c].length
                + " thresholds");
      }
      float previous = Float.NEGATIVE_INFINITY;
      for (float threshold : thresholds[c]) {
        if (!(previous <= threshold)) {
          throw new IllegalArgumentException("channel " + c + ": thresholds do not ascend");
        }
        previous = threshold;
      }
      offsets[c + 1] = offsets[c] + (1 << bits[c]);
    }
    this.centroids = new float[offsets[bits.length] + PADDING];
    this.thresholds = new float[offsets[bits.length] + PADDING];
    this.planes = new int[bits.length];
    for (int c = 1; c < bits.length; c++) {
      planes[c] = planes[c - 1] + bits[c - 1];
    }
    this.widestFirst =
        IntStream.range(0, bits.length)
            .boxed()
            .sorted(Comparator.comparingInt(c -> -bits[c]))
            .mapToInt(c -> c)
            .toArray();
    this.codedChannels = (int) Arrays.stream(bits).filter(b -> b > 0).count();
    this.middles = new float[bits.length];
    this.halfRanges = new float[bits.length];
    for (int c = 0; c < bits.length; c++) {
      System.arraycopy(centroids[c], 0, this.centroids, offsets[c], centroids[c].length);
      System.arraycopy(thresholds[c], 0, this.thresholds, offsets[c], thresholds[c].length);
      this.thresholds[offsets[c + 1] - 1] = Float.POSITIVE_INFINITY;
      measureRange(c, centroids[c]);
    }
  }

  private void measureRange(int channel, float[] table) {
    float min = Float.POSITIVE_INFINITY;
    float max = Float.NEGATIVE_INFINITY;
    for (float centroid : table) {
      min = Math.min(min, centroid);
      max = Math.max(max, centroid);
    }
    float middle = (float) (((double) min + max) / 2);
    middles[channel] = middle;
    halfRanges[channel] = Math.max(max - middle, middle - min);
  }

  public int headDim() {
    return bits.length;
  }

  /** The code width of one channel. */
  public int bits(int channel) {
    return bits[channel];
  }

  /** [headDim]; a copy. */
  public int[] bits() {
    return bits.clone();
  }

  /** Where a channel's tables start in {@link #centroids} and {@link #thresholds}. */
  public int offset(int channel) {
    return offsets[channel];
  }

  /** Centroids of all channels, and as many thresholds with the closing infinities. */
  public int size() {
    return offsets[bits.length];
  }

  /** All {@link #size} centroids, channel by channel, and sixteen zeros; not to be changed. */
  public float[] centroids() {
    return centroids;
  }

  /**
   * All thresholds, channel by channel, each channel's closed by infinity, and sixteen zeros; not
   * to be changed.
   */
  public float[] thresholds() {
    return thresholds;
  }

  /** The number of the channel's thresholds below the value; a NaN has code 0. */
  public int code(int channel, float value) {
    int start = offsets[channel];
    int code = 0;
    for (int step = 1 << bits[channel] >> 1; step > 0; step >>= 1) {
      if (value > thresholds[start + code + step - 1]) {
        code += step;
      }
    }
    return code;
  }

  /** What a code stands for. */
  public float centroid(int channel, int code) {
    return centroids[offsets[channel] + code];
  }

  /** Where a channel's planes start among this codebook's. */
  public int plane(int channel) {
    return planes[channel];
  }

  /** The i-th channel in the order of their widths, the widest first; equal ones as they stand. */
  public int widestFirst(int i) {
    return widestFirst[i];
  }

  /** Channels of more than 0 bits. */
  public int codedChannels() {
    return codedChannels;
  }

  /** The middle between a channel's smallest and largest centroid. */
  public float middle(int channel) {
    return middles[channel];
  }

  /** The largest distance of a channel's centroids from their {@link #middle}. */
  public float halfRange(int channel) {
    return halfRanges[channel];
  }

  /** Bytes of the centroids as floats: what the tables weigh beside a cache. */
  public long bytes() {
    return (long) size() * Float.BYTES;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Codebook that
        && Arrays.equals(bits, that.bits)
        && Arrays.equals(centroids, that.centroids)
        && Arrays.equals(thresholds, that.thresholds);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(bits) + Arrays.hashCode(centroids);
  }
}
