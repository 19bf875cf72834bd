package org.turboesm.kv;

import java.io.Serializable;

/**
 * How many transformed keys and values of one head lay outside the range that calibration saw,
 * channel by channel.
 *
 * @param keys that were looked at
 * @param keysOutside of these
 * @param values that were looked at
 * @param valuesOutside of these
 */
public record HeadRangeCounts(long keys, long keysOutside, long values, long valuesOutside)
    implements Serializable {
  public static final HeadRangeCounts NONE = new HeadRangeCounts(0, 0, 0, 0);

  /** These and those of more tokens. */
  public HeadRangeCounts plus(HeadRangeCounts other) {
    return new HeadRangeCounts(
        keys + other.keys,
        keysOutside + other.keysOutside,
        values + other.values,
        valuesOutside + other.valuesOutside);
  }

  long lookedAt() {
    return keys + values;
  }

  long outside() {
    return keysOutside + valuesOutside;
  }

  /** The share of keys and values outside; 0 where none was looked at. */
  public double share() {
    return lookedAt() == 0 ? 0 : (double) outside() / lookedAt();
  }
}
