package org.turboesm.attention.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;

/**
 * Reads codes out of plane words and looks them up in a channel's table, one vector of tokens at a
 * time: codes are assembled bit by bit and permute the table, a vector of it at a time. Choosing
 * table values by blends under the planes as masks, the other way to do it, takes 2.7 times as long
 * at three bits (JDK 17 and 25, 512 bits).
 */
final class TableLookup {
  private static final int LOG_LANES = Integer.numberOfTrailingZeros(Lanes.COUNT);

  private TableLookup() {}

  /**
   * The table's entries for the codes of one vector of tokens.
   *
   * @param words plane words, the channel's from {@code offset} on
   * @param bits the channel's width; at 0 every lane is the table's only entry
   * @param tokens the number in its block of each lane's token
   * @param table entries from {@code tableOffset} on; whole vectors are read
   */
  static FloatVector lookUp(
      int[] words, int offset, int bits, IntVector tokens, float[] table, int tableOffset) {
    IntVector code = IntVector.zero(Lanes.INTS);
    for (int p = 0; p < bits; p++) {
      IntVector bit =
          IntVector.broadcast(Lanes.INTS, words[offset + p])
              .lanewise(VectorOperators.LSHR, tokens)
              .and(1);
      code = code.or(bit.lanewise(VectorOperators.LSHL, p));
    }
    VectorShuffle<Integer> withinVector = code.and(Lanes.COUNT - 1).toShuffle();
    IntVector entries = entries(table, tableOffset).rearrange(withinVector);
    IntVector vectorOfTable = code.lanewise(VectorOperators.LSHR, LOG_LANES);
    for (int i = 1; i << LOG_LANES < 1 << bits; i++) {
      entries =
          entries.blend(
              entries(table, tableOffset + (i << LOG_LANES)).rearrange(withinVector),
              vectorOfTable.compare(VectorOperators.EQ, i));
    }
    return entries.reinterpretAsFloats();
  }

  /** Floats as ints, since the shuffle of a vector of codes is one of ints. */
  private static IntVector entries(float[] table, int offset) {
    return Lanes.load(table, offset).reinterpretAsInts();
  }
}
