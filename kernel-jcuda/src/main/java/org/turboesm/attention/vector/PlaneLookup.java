package org.turboesm.attention.vector;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import org.turboesm.kv.PackedKvBlocks;
import org.turboesm.kv.PackedKvLayout;

/**
 * Reads the codes of one channel out of its planes, 64 tokens at a time as bytes of a 512-bit
 * vector, and looks them up in tables of 16-bit entries. A chunk is 64 tokens: two blocks. Entries
 * of a chunk are two vectors of shorts, those of the even bytes and those of the odd ones; as ints,
 * each of these holds two entries, so that a chunk's floats are four vectors. {@link #position}
 * says which of them a token's value is.
 *
 * <p>One method a width, each a single loop that calls the Vector API directly. C2 inlines that
 * whatever a method's size, but no method of ours into one that has grown large, nor one that it
 * has compiled to much code before; a vector that is handed to or from a call is an object.
 */
abstract class PlaneLookup {
  static final int CHUNK = 64;

  /** Bytes of the largest table: codes are assembled behind it. */
  static final int CODES = EntryTable.bytes(PackedKvLayout.MAX_BITS);

  static final VectorSpecies<Byte> BYTES = ByteVector.SPECIES_512;
  static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_512;

  static final ShortVector LOW_BYTES = ShortVector.broadcast(SHORTS, 0xFF);
  static final ShortVector HIGH_BYTES = ShortVector.broadcast(SHORTS, (short) 0xFF00);
  static final ByteVector ZERO = ByteVector.zero(BYTES);
  private static final ByteVector BIT6 = ByteVector.broadcast(BYTES, 1 << 6);
  private static final ByteVector BELOW_BIT6 = ByteVector.broadcast(BYTES, (1 << 6) - 1);
  static final IntVector HIGH_HALVES = IntVector.broadcast(IntVector.SPECIES_512, 0xFFFF0000);

  /** What tells it apart. */
  abstract String name();

  /** Where in its chunk's 64 floats the value of the chunk's token {@code token} stands. */
  abstract int position(int token);

  /** Channels that {@link #addGroup} takes, or 1 where there is none. */
  abstract int groupSize();

  /**
   * Adds the entries of a group of channels, each at most {@link EntryTable#SHORTS_MAX_BITS} wide
   * and read as if {@code bits} wide.
   *
   * @param planes where each channel's planes start in the first block
   * @param sums [chunks, 2, 32], and from {@code tables} on a table of shorts a channel
   */
  abstract void addGroup(int bits, PackedKvBlocks cache, int[] planes, short[] sums, int tables);

  /**
   * The sums over tokens of weight * entry of a group of channels, each left as a vector of partial
   * sums. Entries are bfloat16.
   *
   * @param tables from {@code table} on a table of shorts a channel
   * @param weights [chunks, 64], and from {@code sums} on the partial sums, [group, 16]
   */
  abstract void weighGroup(
      int bits,
      PackedKvBlocks cache,
      int[] planes,
      short[] tables,
      int table,
      float[] weights,
      int sums);

  /** One plane of two blocks: bit t is that of the chunk's token t. */
  static long plane(int[] words, int first, int second) {
    return (words[first] & 0xFFFFFFFFL) | (long) words[second] << 32;
  }

  /**
   * From a chunk's first block to its second; 0 where the first is the last, whose tokens then
   * stand in for those of the second, and weigh nothing.
   */
  static int secondStep(int block, int blocks, int stride) {
    return block + 1 < blocks ? stride : 0;
  }

  /**
   * Adds one channel's entries.
   *
   * @param plane where the channel's planes start in the first block
   * @param bytes [CODES] the channel's table, as {@link EntryTable} splits it, and a byte a token
   *     to work in
   * @param sums [chunks, 2, 32]
   */
  abstract void add(int bits, PackedKvBlocks cache, int plane, byte[] bytes, short[] sums);

  /** Adds the entries of codes that stand behind the table, a byte a token. */
  static void addEntries(int bits, int blocks, byte[] bytes, short[] sums) {
    switch (bits) {
      case 7 -> addOfTwo(blocks, bytes, sums);
      case 8 -> addOfFour(blocks, bytes, sums);
      default -> addOfOne(blocks, bytes, sums);
    }
  }

  private static void addOfOne(int blocks, byte[] bytes, short[] sums) {
    ByteVector high0 = ByteVector.fromArray(BYTES, bytes, 0 * EntryTable.BYTES);
    ByteVector low0 = ByteVector.fromArray(BYTES, bytes, 1 * EntryTable.BYTES);
    for (int block = 0; block < blocks; block += 2) {
      ByteVector code = ByteVector.fromArray(BYTES, bytes, CODES + block * Lanes.BLOCK);
      ShortVector high = code.selectFrom(high0).reinterpretAsShorts();
      ShortVector low = code.selectFrom(low0).reinterpretAsShorts();
      int t = block * Lanes.BLOCK;
      high.lanewise(VectorOperators.LSHL, Byte.SIZE)
          .or(low.and(LOW_BYTES))
          .add(ShortVector.fromArray(SHORTS, sums, t))
          .intoArray(sums, t);
      high.and(HIGH_BYTES)
          .or(low.lanewise(VectorOperators.LSHR, Byte.SIZE))
          .add(ShortVector.fromArray(SHORTS, sums, t + Lanes.BLOCK))
          .intoArray(sums, t + Lanes.BLOCK);
    }
  }

  private static void addOfTwo(int blocks, byte[] bytes, short[] sums) {
    ByteVector high0 = ByteVector.fromArray(BYTES, bytes, 0 * EntryTable.BYTES);
    ByteVector high1 = ByteVector.fromArray(BYTES, bytes, 1 * EntryTable.BYTES);
    ByteVector low0 = ByteVector.fromArray(BYTES, bytes, 2 * EntryTable.BYTES);
    ByteVector low1 = ByteVector.fromArray(BYTES, bytes, 3 * EntryTable.BYTES);
    for (int block = 0; block < blocks; block += 2) {
      ByteVector code = ByteVector.fromArray(BYTES, bytes, CODES + block * Lanes.BLOCK);
      ByteVector within = code.and(BELOW_BIT6);
      VectorMask<Byte> bit6 = code.and(BIT6).compare(VectorOperators.NE, ZERO);
      ShortVector high =
          within.selectFrom(high0).blend(within.selectFrom(high1), bit6).reinterpretAsShorts();
      ShortVector low =
          within.selectFrom(low0).blend(within.selectFrom(low1), bit6).reinterpretAsShorts();
      int t = block * Lanes.BLOCK;
      high.lanewise(VectorOperators.LSHL, Byte.SIZE)
          .or(low.and(LOW_BYTES))
          .add(ShortVector.fromArray(SHORTS, sums, t))
          .intoArray(sums, t);
      high.and(HIGH_BYTES)
          .or(low.lanewise(VectorOperators.LSHR, Byte.SIZE))
          .add(ShortVector.fromArray(SHORTS, sums, t + Lanes.BLOCK))
          .intoArray(sums, t + Lanes.BLOCK);
    }
  }

  private static void addOfFour(int blocks, byte[] bytes, short[] sums) {
    ByteVector high0 = ByteVector.fromArray(BYTES, bytes, 0 * EntryTable.BYTES);
    ByteVector high1 = ByteVector.fromArray(BYTES, bytes, 1 * EntryTable.BYTES);
    ByteVector high2 = ByteVector.fromArray(BYTES, bytes, 2 * EntryTable.BYTES);
    ByteVector high3 = ByteVector.fromArray(BYTES, bytes, 3 * EntryTable.BYTES);
    ByteVector low0 = ByteVector.fromArray(BYTES, bytes, 4 * EntryTable.BYTES);
    ByteVector low1 = ByteVector.fromArray(BYTES, bytes, 5 * EntryTable.BYTES);
    ByteVector low2 = ByteVector.fromArray(BYTES, bytes, 6 * EntryTable.BYTES);
    ByteVector low3 = ByteVector.fromArray(BYTES, bytes, 7 * EntryTable.BYTES);
    for (int block = 0; block < blocks; block += 2) {
      ByteVector code = ByteVector.fromArray(BYTES, bytes, CODES + block * Lanes.BLOCK);
      ByteVector within = code.and(BELOW_BIT6);
      VectorMask<Byte> bit6 = code.and(BIT6).compare(VectorOperators.NE, ZERO);
      VectorMask<Byte> bit7 = code.compare(VectorOperators.LT, ZERO);
      ShortVector high =
          within
              .selectFrom(high0)
              .blend(within.selectFrom(high1), bit6)
              .blend(within.selectFrom(high2).blend(within.selectFrom(high3), bit6), bit7)
              .reinterpretAsShorts();
      ShortVector low =
          within
              .selectFrom(low0)
              .blend(within.selectFrom(low1), bit6)
              .blend(within.selectFrom(low2).blend(within.selectFrom(low3), bit6), bit7)
              .reinterpretAsShorts();
      int t = block * Lanes.BLOCK;
      high.lanewise(VectorOperators.LSHL, Byte.SIZE)
          .or(low.and(LOW_BYTES))
          .add(ShortVector.fromArray(SHORTS, sums, t))
          .intoArray(sums, t);
      high.and(HIGH_BYTES)
          .or(low.lanewise(VectorOperators.LSHR, Byte.SIZE))
          .add(ShortVector.fromArray(SHORTS, sums, t + Lanes.BLOCK))
          .intoArray(sums, t + Lanes.BLOCK);
    }
  }

  /** Adds {@code sums * step} to the logits, and clears the sums. */
  static void addLogits(short[] sums, int padded, float step, float[] logits) {
    FloatVector steps = Lanes.broadcast(step * 0x1p-16f);
    for (int t = 0; t < padded; t += Lanes.BLOCK) {
      IntVector pairs = ShortVector.fromArray(SHORTS, sums, t).reinterpretAsInts();
      ShortVector.zero(SHORTS).intoArray(sums, t);
      toFloats(pairs.lanewise(VectorOperators.LSHL, Short.SIZE))
          .fma(steps, Lanes.load(logits, t))
          .intoArray(logits, t);
      toFloats(pairs.and(HIGH_HALVES))
          .fma(steps, Lanes.load(logits, t + Lanes.COUNT))
          .intoArray(logits, t + Lanes.COUNT);
    }
  }

  private static FloatVector toFloats(IntVector x) {
    return (FloatVector) x.convert(VectorOperators.I2F, 0);
  }

  /**
   * The sum over tokens of weight * entry, left as a vector of partial sums at {@code sum}; clears
   * the entries, which are bfloat16.
   */
  static void weigh(short[] entries, int padded, float[] weights, int sum) {
    Lanes.broadcast(0).intoArray(weights, sum);
    FloatVector total = Lanes.load(weights, sum);
    for (int t = 0; t < padded; t += Lanes.BLOCK) {
      IntVector pairs = ShortVector.fromArray(SHORTS, entries, t).reinterpretAsInts();
      ShortVector.zero(SHORTS).intoArray(entries, t);
      total =
          pairs
              .lanewise(VectorOperators.LSHL, Short.SIZE)
              .reinterpretAsFloats()
              .fma(Lanes.load(weights, t), total);
      total =
          pairs
              .and(HIGH_HALVES)
              .reinterpretAsFloats()
              .fma(Lanes.load(weights, t + Lanes.COUNT), total);
    }
    total.intoArray(weights, sum);
  }
}
