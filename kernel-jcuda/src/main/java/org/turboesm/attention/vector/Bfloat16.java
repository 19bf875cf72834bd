package org.turboesm.attention.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** Floats to and from bfloat16, the upper half of a float: eight bits of significand. */
public final class Bfloat16 {
  private static final VectorSpecies<Float> FLOATS = VectorWidth.FLOATS;
  private static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));
  private static final int LANES = FLOATS.length();
  private static final int HALF = 16;

  /** Just below half of the last place kept; with that place's bit, ties go to even. */
  private static final int BELOW_HALF = 0x7FFF;

  private Bfloat16() {}

  /** Rounds to nearest even; infinities stay, a NaN stays one where its upper half says so. */
  public static void round(float[] source, int offset, int size, short[] target, int targetOffset) {
    int i = 0;
    for (; i + LANES <= size; i += LANES) {
      IntVector bits = FloatVector.fromArray(FLOATS, source, offset + i).reinterpretAsInts();
      IntVector even = bits.lanewise(VectorOperators.LSHR, HALF).and(1);
      ShortVector rounded =
          (ShortVector)
              bits.add(even)
                  .add(BELOW_HALF)
                  .lanewise(VectorOperators.LSHR, HALF)
                  .convertShape(VectorOperators.I2S, SHORTS, 0);
      rounded.intoArray(target, targetOffset + i);
    }
    for (; i < size; i++) {
      target[targetOffset + i] = round(source[offset + i]);
    }
  }

  /** Rounds one value. */
  public static short round(float value) {
    int bits = Float.floatToRawIntBits(value);
    return (short) (bits + (bits >>> HALF & 1) + BELOW_HALF >>> HALF);
  }

  /** Widens, exactly. */
  public static void widen(short[] source, int offset, int size, float[] target, int targetOffset) {
    int i = 0;
    for (; i + LANES <= size; i += LANES) {
      ((IntVector)
              ShortVector.fromArray(SHORTS, source, offset + i)
                  .convertShape(VectorOperators.S2I, INTS, 0))
          .lanewise(VectorOperators.LSHL, HALF)
          .reinterpretAsFloats()
          .intoArray(target, targetOffset + i);
    }
    for (; i < size; i++) {
      target[targetOffset + i] = Float.intBitsToFloat(source[offset + i] << HALF);
    }
  }
}
