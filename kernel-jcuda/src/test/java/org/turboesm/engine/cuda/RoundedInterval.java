package org.turboesm.engine.cuda;

import org.turboesm.attention.vector.Bfloat16;
import org.turboesm.engine.Precision;
import org.turboesm.kv.Codebook;

/**
 * Where a kernel's number must lie that is known but for a limit. Rounding and coding are monotone,
 * so that both ends may be rounded and coded in its place.
 */
record RoundedInterval(double low, double high) {
  static RoundedInterval around(double value, double limit) {
    return new RoundedInterval(value - limit, value + limit);
  }

  /** After rounding to an activation. */
  RoundedInterval activation(Precision precision) {
    return new RoundedInterval(nearest(low, precision), nearest(high, precision));
  }

  private static float nearest(double value, Precision precision) {
    float rounded = (float) value;
    return precision == Precision.F32
        ? rounded
        : Float.intBitsToFloat(Bfloat16.round(rounded) << 16);
  }

  double middle() {
    return (low + high) / 2;
  }

  double radius() {
    return (high - low) / 2;
  }

  boolean contains(double value) {
    return low <= value && value <= high;
  }

  /** Whether a code is that of a number within; ends are rounded to the floats that are coded. */
  boolean mayHaveCode(Codebook codebook, int channel, int code) {
    return codebook.code(channel, (float) low) <= code
        && code <= codebook.code(channel, (float) high);
  }

  /** Whether numbers within have more codes than one. */
  boolean isAmbiguous(Codebook codebook, int channel) {
    return codebook.code(channel, (float) low) != codebook.code(channel, (float) high);
  }
}
