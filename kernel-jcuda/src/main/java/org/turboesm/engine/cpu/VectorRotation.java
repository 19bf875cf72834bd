package org.turboesm.engine.cpu;

import jdk.incubator.vector.FloatVector;
import org.turboesm.attention.vector.VectorWidth;

/**
 * The rotary embedding's rotation, in the widest vectors of eight or more floats that divide half a
 * head; rounded as the plain loop rounds it. Vectors of four are no faster than that loop.
 */
final class VectorRotation {
  private static final int WIDEST = VectorWidth.FLOATS.length();

  private VectorRotation() {}

  /**
   * Rotates; see {@link org.turboesm.esm2.EsmOperators#rotate}.
   *
   * @return false, with nothing done, where no vector divides half a head
   */
  static boolean rotate(
      float[] x,
      int offset,
      int heads,
      int half,
      float[] cosines,
      float[] sines,
      int angle,
      float scale) {
    int end = offset + heads * 2 * half;
    boolean fits = true;
    if (half % 16 == 0 && WIDEST >= 16) {
      for (int head = offset; head < end; head += 2 * half) {
        bySixteen(x, head, half, cosines, sines, angle, scale);
      }
    } else if (half % 8 == 0 && WIDEST >= 8) {
      for (int head = offset; head < end; head += 2 * half) {
        byEight(x, head, half, cosines, sines, angle, scale);
      }
    } else {
      fits = false;
    }
    return fits;
  }

  // Both are written out, as the compiler makes instructions of a constant species alone.

  private static void bySixteen(
      float[] x, int head, int half, float[] cosines, float[] sines, int angle, float scale) {
    for (int i = 0; i < half; i += 16) {
      FloatVector a = FloatVector.fromArray(FloatVector.SPECIES_512, x, head + i).mul(scale);
      FloatVector b = FloatVector.fromArray(FloatVector.SPECIES_512, x, head + half + i).mul(scale);
      FloatVector cosine = FloatVector.fromArray(FloatVector.SPECIES_512, cosines, angle + i);
      FloatVector sine = FloatVector.fromArray(FloatVector.SPECIES_512, sines, angle + i);
      a.mul(cosine).sub(b.mul(sine)).intoArray(x, head + i);
      b.mul(cosine).add(a.mul(sine)).intoArray(x, head + half + i);
    }
  }

  private static void byEight(
      float[] x, int head, int half, float[] cosines, float[] sines, int angle, float scale) {
    for (int i = 0; i < half; i += 8) {
      FloatVector a = FloatVector.fromArray(FloatVector.SPECIES_256, x, head + i).mul(scale);
      FloatVector b = FloatVector.fromArray(FloatVector.SPECIES_256, x, head + half + i).mul(scale);
      FloatVector cosine = FloatVector.fromArray(FloatVector.SPECIES_256, cosines, angle + i);
      FloatVector sine = FloatVector.fromArray(FloatVector.SPECIES_256, sines, angle + i);
      a.mul(cosine).sub(b.mul(sine)).intoArray(x, head + i);
      b.mul(cosine).add(a.mul(sine)).intoArray(x, head + half + i);
    }
  }
}
