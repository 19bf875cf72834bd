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
  public ChannelRange {
    if (lowest.length != highest.length) {
      throw new IllegalArgumentException(
          "a range with " + lowest.length + " lowest and " + highest.length + " highest values");
    }
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
