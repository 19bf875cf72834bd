package org.turboesm.engine.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import org.turboesm.attention.vector.VectorWidth;

/**
 * The rotary embedding's rotation, in the widest vectors that divide half a head; rounded as the
 * plain loop rounds it.
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
    if (half % 16 == 0 && WIDEST >= 16) {
      for (int head = offset; head < end; head += 2 * half) {
        rotate(FloatVector.SPECIES_512, x, head, half, cosines, sines, angle, scale);
      }
    } else if (half % 8 == 0 && WIDEST >= 8) {
      for (int head = offset; head < end; head += 2 * half) {
        rotate(FloatVector.SPECIES_256, x, head, half, cosines, sines, angle, scale);
      }
    } else if (half % 4 == 0) {
      for (int head = offset; head < end; head += 2 * half) {
        rotate(FloatVector.SPECIES_128, x, head, half, cosines, sines, angle, scale);
      }
    } else {
      return false;
    }
    return true;
  }

  /** One head. The species is a constant wherever this is inlined, which it must be. */
  private static void rotate(
      VectorSpecies<Float> species,
      float[] x,
      int head,
      int half,
      float[] cosines,
      float[] sines,
      int angle,
      float scale) {
    for (int i = 0; i < half; i += species.length()) {
      FloatVector a = FloatVector.fromArray(species, x, head + i).mul(scale);
      FloatVector b = FloatVector.fromArray(species, x, head + half + i).mul(scale);
      FloatVector cosine = FloatVector.fromArray(species, cosines, angle + i);
      FloatVector sine = FloatVector.fromArray(species, sines, angle + i);
      a.mul(cosine).sub(b.mul(sine)).intoArray(x, head + i);
      b.mul(cosine).add(a.mul(sine)).intoArray(x, head + half + i);
    }
  }
}
