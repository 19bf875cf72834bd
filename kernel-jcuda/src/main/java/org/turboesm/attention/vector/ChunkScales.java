package org.turboesm.attention.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Softmax weights, in the order in which a {@link PlaneLookup} leaves a chunk's tokens, times the
 * scales of the tokens' values.
 */
final class ChunkScales {
  private static final int SHORTS = PlaneLookup.SHORTS.length();

  /** Which of its chunk's 64 tokens the entry at each place is of, [2, 32]. */
  private final short[] entryTokens = new short[PlaneLookup.CHUNK];

  ChunkScales(PlaneLookup lookup) {
    for (int t = 0; t < PlaneLookup.CHUNK; t++) {
      int vector = lookup.position(t) / Lanes.COUNT;
      int lane = lookup.position(t) % Lanes.COUNT;
      entryTokens[vector / 2 * SHORTS + 2 * lane + vector % 2] = (short) t;
    }
  }

  /**
   * Replaces each weight by its product with the token's scale, and returns the products' sum.
   *
   * @param scales [chunks, 64], bfloat16, in the order of their tokens; finite where padding weighs
   *     0
   * @param weights [chunks, 64], where {@link PlaneLookup#position} says
   */
  float multiply(short[] scales, float[] weights, int padded) {
    ShortVector evenTokens = ShortVector.fromArray(PlaneLookup.SHORTS, entryTokens, 0);
    ShortVector oddTokens = ShortVector.fromArray(PlaneLookup.SHORTS, entryTokens, SHORTS);
    VectorMask<Short> evenIsSecond = evenTokens.compare(VectorOperators.GE, (short) SHORTS);
    VectorMask<Short> oddIsSecond = oddTokens.compare(VectorOperators.GE, (short) SHORTS);
    ShortVector even = evenTokens.and((short) (SHORTS - 1));
    ShortVector odd = oddTokens.and((short) (SHORTS - 1));
    FloatVector sum = Lanes.broadcast(0);
    for (int t = 0; t < padded; t += PlaneLookup.CHUNK) {
      ShortVector first = ShortVector.fromArray(PlaneLookup.SHORTS, scales, t);
      ShortVector second = ShortVector.fromArray(PlaneLookup.SHORTS, scales, t + SHORTS);
      IntVector evens =
          even.selectFrom(first).blend(even.selectFrom(second), evenIsSecond).reinterpretAsInts();
      IntVector odds =
          odd.selectFrom(first).blend(odd.selectFrom(second), oddIsSecond).reinterpretAsInts();
      FloatVector w0 =
          evens
              .lanewise(VectorOperators.LSHL, Short.SIZE)
              .reinterpretAsFloats()
              .mul(Lanes.load(weights, t));
      FloatVector w1 =
          evens
              .and(PlaneLookup.HIGH_HALVES)
              .reinterpretAsFloats()
              .mul(Lanes.load(weights, t + Lanes.COUNT));
      FloatVector w2 =
          odds.lanewise(VectorOperators.LSHL, Short.SIZE)
              .reinterpretAsFloats()
              .mul(Lanes.load(weights, t + 2 * Lanes.COUNT));
      FloatVector w3 =
          odds.and(PlaneLookup.HIGH_HALVES)
              .reinterpretAsFloats()
              .mul(Lanes.load(weights, t + 3 * Lanes.COUNT));
      w0.intoArray(weights, t);
      w1.intoArray(weights, t + Lanes.COUNT);
      w2.intoArray(weights, t + 2 * Lanes.COUNT);
      w3.intoArray(weights, t + 3 * Lanes.COUNT);
      sum = sum.add(w0.add(w1).add(w2.add(w3)));
    }
    return Lanes.sum(sum, new float[Lanes.COUNT]);
  }
}
