package org.turboesm.attention.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** Softmax weights, in the order of their tokens, times the scales of the tokens' values. */
final class TokenScales {
  private static final VectorSpecies<Short> HALF_WIDTH =
      VectorSpecies.of(short.class, VectorShape.forBitSize(Lanes.FLOATS.vectorBitSize() / 2));

  private TokenScales() {}

  /**
   * Replaces each weight by its product with the token's scale, and returns the products' sum.
   *
   * @param scales [padded], bfloat16; finite where padding weighs 0
   * @param weights [padded], whole vectors
   */
  static float multiply(short[] scales, float[] weights, int padded) {
    FloatVector sum = Lanes.broadcast(0);
    for (int t = 0; t < padded; t += Lanes.COUNT) {
      IntVector bits =
          (IntVector)
              ShortVector.fromArray(HALF_WIDTH, scales, t)
                  .convertShape(VectorOperators.S2I, Lanes.INTS, 0);
      FloatVector weight =
          Lanes.load(weights, t)
              .mul(bits.lanewise(VectorOperators.LSHL, Short.SIZE).reinterpretAsFloats());
      weight.intoArray(weights, t);
      sum = sum.add(weight);
    }
    return Lanes.sum(sum, new float[Lanes.COUNT]);
  }
}
