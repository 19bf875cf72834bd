package org.turboesm.kv;

import java.io.Serializable;
import java.util.Arrays;

/**
 * The smallest and the largest of each transformed channel that calibration saw.
 *
 * @param lowest [headDim]
 * @param highest [headDim]
 */
public record ChannelRange(float[] lowest, float[] highest) implements Serializable {
  private static final float MARGIN = 1f / 64;

  public ChannelRange {
    if (lowest.length != highest.length) {
      throw new IllegalArgumentException(
          "a range with " + lowest.length + " lowest and " + highest.length + " highest values");
    }
  }

  /** Any values. */
  public static ChannelRange unbounded(int headDim) {
    float[] lowest = new float[headDim];
    float[] highest = new float[headDim];
    Arrays.fill(lowest, Float.NEGATIVE_INFINITY);
    Arrays.fill(highest, Float.POSITIVE_INFINITY);
    return new ChannelRange(lowest, highest);
  }

  /**
   * How many channels of a vector lie outside, by more than rounding moves them: a 64th of the
   * range is left at each end, for vectors that many proteins share, such as those of {@code
   * <cls>}, are at the ends. NaN lies outside.
   *
   * @param x [headDim] from {@code offset} on
   */
  public int outside(float[] x, int offset) {
    int outside = 0;
    for (int c = 0; c < lowest.length; c++) {
      if (!(x[offset + c] >= smallestInside(c) && x[offset + c] <= largestInside(c))) {
        outside++;
      }
    }
    return outside;
  }

  /** The smallest value of a channel that does not lie outside. */
  public float smallestInside(int channel) {
    return lowest[channel] - margin(channel);
  }

  /** The largest value of a channel that does not lie outside. */
  public float largestInside(int channel) {
    return highest[channel] + margin(channel);
  }

  private float margin(int channel) {
    return (highest[channel] - lowest[channel]) * MARGIN;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ChannelRange that
        && Arrays.equals(lowest, that.lowest)
        && Arrays.equals(highest, that.highest);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(lowest) + Arrays.hashCode(highest);
  }

  @Override
  public String toString() {
    return "ChannelRange[headDim=" + lowest.length + "]";
  }
}
