package org.turboesm.attention.vector;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** Exponentials of a row of logits that is padded to whole vectors. */
final class Softmax {
  private Softmax() {}

  /** The largest of the first {@code length} logits; pads the rest with negative infinity. */
  static float maxAndPad(float[] logits, int offset, int length, int padded) {
    Arrays.fill(logits, offset + length, offset + padded, Float.NEGATIVE_INFINITY);
    FloatVector max = Lanes.broadcast(Float.NEGATIVE_INFINITY);
    for (int i = 0; i < padded; i += Lanes.COUNT) {
      max = max.max(Lanes.load(logits, offset + i));
    }
    return max.reduceLanes(VectorOperators.MAX);
  }

  /** Replaces each logit by exp(logit - max), the padding by 0, and returns their sum. */
  static float exponentials(float[] logits, int offset, int padded, float max) {
    FloatVector sum = Lanes.broadcast(0);
    for (int i = 0; i < padded; i += Lanes.COUNT) {
      FloatVector weight = Exponential.of(Lanes.load(logits, offset + i).sub(max));
      weight.intoArray(logits, offset + i);
      sum = sum.add(weight);
    }
    return Lanes.sum(sum, new float[Lanes.COUNT]);
  }
}
