package org.turboesm.calibration;

import java.io.Serializable;
import java.util.Arrays;
import org.turboesm.kv.AffineMap;

/**
 * One head's fitted maps, before its tables are known.
 *
 * @param keyScales [headDim], the standard deviation of each transformed key channel
 * @param valueScales [headDim], the same of the values
 */
record HeadTransform(
    AffineMap key,
    AffineMap query,
    AffineMap value,
    AffineMap output,
    float[] keyScales,
    float[] valueScales)
    implements Serializable {

  @Override
  public boolean equals(Object other) {
    return other instanceof HeadTransform that
        && key.equals(that.key)
        && query.equals(that.query)
        && value.equals(that.value)
        && output.equals(that.output)
        && Arrays.equals(keyScales, that.keyScales)
        && Arrays.equals(valueScales, that.valueScales);
  }

  @Override
  public int hashCode() {
    return 31 * key.hashCode() + value.hashCode();
  }

  @Override
  public String toString() {
    return "HeadTransform[headDim=" + key.size() + "]";
  }
}
