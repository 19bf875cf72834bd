package org.turboesm.attention.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Reads codes out of plane words and looks them up in a channel's table, one vector of tokens at a
 * time. Up to three bits a table's values are chosen by blends under the planes as masks; wider
 * codes are assembled and permuted out of the table a vector at a time. Tables are handled as the
 * bits of their floats, since masks of plane words are masks of ints.
 */
final class TableLookup {
  /** The widest code that is looked up by blends. */
  static final int MAX_BLENDED_BITS = 3;

  private TableLookup() {}

  /** Every lane holds one value of the table. */
  static IntVector entry(float[] table, int index) {
    return IntVector.broadcast(Lanes.INTS, Float.floatToRawIntBits(table[index]));
  }

  private static VectorMask<Integer> mask(int word, IntVector tokenBits) {
    return tokenBits.and(word).compare(VectorOperators.NE, 0);
  }

  static FloatVector oneBit(int w0, IntVector tokenBits, IntVector t0, IntVector t1) {
    return t0.blend(t1, mask(w0, tokenBits)).reinterpretAsFloats();
  }

  static FloatVector twoBits(
      int w0, int w1, IntVector tokenBits, IntVector t0, IntVector t1, IntVector t2, IntVector t3) {
    VectorMask<Integer> m0 = mask(w0, tokenBits);
    return t0.blend(t1, m0).blend(t2.blend(t3, m0), mask(w1, tokenBits)).reinterpretAsFloats();
  }

  static FloatVector threeBits(
      int w0,
      int w1,
      int w2,
      IntVector tokenBits,
      IntVector t0,
      IntVector t1,
      IntVector t2,
      IntVector t3,
      IntVector t4,
      IntVector t5,
      IntVector t6,
      IntVector t7) {
    VectorMask<Integer> m0 = mask(w0, tokenBits);
    VectorMask<Integer> m1 = mask(w1, tokenBits);
    IntVector low = t0.blend(t1, m0).blend(t2.blend(t3, m0), m1);
    IntVector high = t4.blend(t5, m0).blend(t6.blend(t7, m0), m1);
    return low.blend(high, mask(w2, tokenBits)).reinterpretAsFloats();
  }

  /**
   * A code of more than three bits.
   *
   * @param tables the channel's table as int bits, [2^bits] rounded up to whole vectors
   * @param firstToken the token of the vector's first lane in its block
   */
  static FloatVector manyBits(
      int[] words, int offset, int bits, int firstToken, IntVector laneNumbers, int[] tables) {
    IntVector shifts = laneNumbers.add(firstToken);
    IntVector code = plane(words[offset], shifts);
    for (int p = 1; p < bits; p++) {
      code = code.or(plane(words[offset + p], shifts).lanewise(VectorOperators.LSHL, p));
    }
    var inVector = code.and(Lanes.COUNT - 1).toShuffle();
    IntVector value = IntVector.fromArray(Lanes.INTS, tables, 0).rearrange(inVector);
    IntVector vectorOfTable = code.lanewise(VectorOperators.LSHR, LOG_LANES);
    for (int i = 1; i << LOG_LANES < 1 << bits; i++) {
      IntVector other = IntVector.fromArray(Lanes.INTS, tables, i << LOG_LANES).rearrange(inVector);
      value = value.blend(other, vectorOfTable.compare(VectorOperators.EQ, i));
    }
    return value.reinterpretAsFloats();
  }

  private static final int LOG_LANES = Integer.numberOfTrailingZeros(Lanes.COUNT);

  private static IntVector plane(int word, IntVector shifts) {
    return IntVector.broadcast(Lanes.INTS, word).lanewise(VectorOperators.LSHR, shifts).and(1);
  }

  /** 0, 1, 2, ... */
  static IntVector laneNumbers() {
    return IntVector.zero(Lanes.INTS).addIndex(1);
  }

  /** The bits of a channel's table times a factor, padded to whole vectors. */
  static int[] tableBits(float[] centroids, int offset, int bits, float factor) {
    int size = 1 << bits;
    int[] table = new int[Lanes.roundUp(size, Lanes.COUNT)];
    for (int i = 0; i < size; i++) {
      table[i] = Float.floatToRawIntBits(centroids[offset + i] * factor);
    }
    return table;
  }
}
