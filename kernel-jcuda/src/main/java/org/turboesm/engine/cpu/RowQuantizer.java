package org.turboesm.engine.cpu;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import org.turboesm.attention.vector.VectorWidth;

/** Symmetric quantization of a row to bytes by its largest value, rounded to nearest even. */
public final class RowQuantizer {
  private static final VectorSpecies<Float> FLOATS = VectorWidth.FLOATS;
  private static final int LANES = FLOATS.length();

  /** A byte a float; there are no vectors of 32 bits. */
  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(
          byte.class, VectorShape.forBitSize(Math.max(64, FLOATS.vectorBitSize() / 4)));

  private static final boolean VECTORS = BYTES.length() == LANES;

  /** Added to a float of less than 2^22, leaves it rounded to an integer in the lowest bits. */
  private static final float ROUNDER = 0x1.8p23f;

  /** A row of nothing larger becomes zeros; the scale's inverse would overflow. */
  private static final float NEGLIGIBLE = 0x1p-100f;

  private RowQuantizer() {}

  /**
   * Quantizes a row.
   *
   * @param source [size] from {@code offset} on
   * @param largest what the row's largest value becomes
   * @param shift added to every quantized value
   * @param target [size], overwritten
   * @return the scale: source is about scale * (target - shift). NaN where the source holds one.
   */
  public static float quantize(
      float[] source, int offset, int size, int largest, int shift, byte[] target) {
    float max = largestMagnitude(source, offset, size);
    float inverse = max < NEGLIGIBLE ? 0 : largest / max;
    int i = 0;
    if (VECTORS) {
      FloatVector rounder = FloatVector.broadcast(FLOATS, ROUNDER + shift);
      FloatVector factor = FloatVector.broadcast(FLOATS, inverse);
      for (; i + LANES <= size; i += LANES) {
        ByteVector bytes =
            (ByteVector)
                FloatVector.fromArray(FLOATS, source, offset + i)
                    .fma(factor, rounder)
                    .reinterpretAsInts()
                    .convertShape(VectorOperators.I2B, BYTES, 0);
        bytes.intoArray(target, i);
      }
    }
    for (; i < size; i++) {
      target[i] =
          (byte) Float.floatToRawIntBits(Math.fma(source[offset + i], inverse, ROUNDER + shift));
    }
    return max / largest;
  }

  private static float largestMagnitude(float[] source, int offset, int size) {
    FloatVector max0 = FloatVector.zero(FLOATS);
    FloatVector max1 = max0;
    int i = 0;
    for (; i + 2 * LANES <= size; i += 2 * LANES) {
      max0 = max0.max(FloatVector.fromArray(FLOATS, source, offset + i).abs());
      max1 = max1.max(FloatVector.fromArray(FLOATS, source, offset + i + LANES).abs());
    }
    float max = max0.max(max1).reduceLanes(VectorOperators.MAX);
    for (; i < size; i++) {
      max = Math.max(max, Math.abs(source[offset + i]));
    }
    return max;
  }
}
