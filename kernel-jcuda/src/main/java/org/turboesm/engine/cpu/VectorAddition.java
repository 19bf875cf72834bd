package org.turboesm.engine.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import org.turboesm.attention.vector.VectorWidth;

/** Adds a row to another. */
final class VectorAddition {
  private static final VectorSpecies<Float> FLOATS = VectorWidth.FLOATS;
  private static final int LANES = FLOATS.length();

  private VectorAddition() {}

  /**
   * target += source.
   *
   * @param source [size]
   * @param target [size] from {@code offset} on
   */
  static void add(float[] source, int size, float[] target, int offset) {
    int i = 0;
    for (; i + LANES <= size; i += LANES) {
      FloatVector.fromArray(FLOATS, target, offset + i)
          .add(FloatVector.fromArray(FLOATS, source, i))
          .intoArray(target, offset + i);
    }
    for (; i < size; i++) {
      target[offset + i] += source[i];
    }
  }
}
