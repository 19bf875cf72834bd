package org.turboesm.attention.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * exp of each lane, from arithmetic that rounds alike in interpreted and in compiled code; the
 * Vector API's own EXP is another function before and after compilation.
 *
 * <p>x = n ln 2 + r with |r| at most ln(2) / 2, exp(x) = 2^n exp(r). ln 2 is split so that n times
 * its head is exact (Cody and Waite 1980). exp(r) is its Taylor polynomial of degree 7, whose
 * remainder is r^8 / 8! = 5e-9; evaluation adds about one rounding, so that the relative error
 * stays below 2e-7.
 */
final class Exponential {
  /** Below, exp is taken as 0: the smallest normal float is exp(-87.3). */
  private static final float SMALLEST = -87f;

  private static final float LOG2_E = 1.44269504f;
  private static final float LN2_HEAD = 0x1.62ep-1f;
  private static final float LN2_TAIL = (float) (Math.log(2) - LN2_HEAD);

  /** Added and taken away, rounds to an integer, which then stands in the lowest bits. */
  private static final float ROUNDER = 0x1.8p23f;

  private static final int EXPONENT_SHIFT = 23;
  private static final int EXPONENT_BIAS = 127;

  private Exponential() {}

  /**
   * exp(x).
   *
   * @param x at most 88; below -87, negative infinity too, the result is 0
   */
  static FloatVector of(FloatVector x) {
    FloatVector rounded = x.max(SMALLEST).fma(Lanes.broadcast(LOG2_E), Lanes.broadcast(ROUNDER));
    FloatVector n = rounded.sub(ROUNDER);
    FloatVector r = n.fma(Lanes.broadcast(-LN2_HEAD), x.max(SMALLEST));
    r = n.fma(Lanes.broadcast(-LN2_TAIL), r);
    FloatVector sum = Lanes.broadcast(1f / 5040).fma(r, Lanes.broadcast(1f / 720));
    sum = sum.fma(r, Lanes.broadcast(1f / 120));
    sum = sum.fma(r, Lanes.broadcast(1f / 24));
    sum = sum.fma(r, Lanes.broadcast(1f / 6));
    sum = sum.fma(r, Lanes.broadcast(0.5f));
    sum = sum.fma(r, Lanes.broadcast(1f));
    sum = sum.fma(r, Lanes.broadcast(1f));
    FloatVector powerOfTwo =
        rounded
            .reinterpretAsInts()
            .add(EXPONENT_BIAS)
            .lanewise(VectorOperators.LSHL, EXPONENT_SHIFT)
            .reinterpretAsFloats();
    return sum.mul(powerOfTwo).blend(0f, x.compare(VectorOperators.LT, SMALLEST));
  }
}
