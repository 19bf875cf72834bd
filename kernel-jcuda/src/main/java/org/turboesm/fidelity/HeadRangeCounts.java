package org.turboesm.fidelity;

import java.io.Serializable;

/**
 * How many transformed values of one head lay outside the range that calibration saw.
 *
 * @param lookedAt channels of keys that were looked at, and as many of values
 * @param keysOutside of the keys' channels
 * @param valuesOutside of the values' channels
 */
public record HeadRangeCounts(long lookedAt, long keysOutside, long valuesOutside)
    implements Serializable {

  HeadRangeCounts plus(HeadRangeCounts other) {
    return new HeadRangeCounts(
        lookedAt + other.lookedAt,
        keysOutside + other.keysOutside,
        valuesOutside + other.valuesOutside);
  }

  /** The share of keys' and values' channels outside; 0 where none was looked at. */
  public double share() {
    return lookedAt == 0 ? 0 : (double) (keysOutside + valuesOutside) / (2 * lookedAt);
  }
}
