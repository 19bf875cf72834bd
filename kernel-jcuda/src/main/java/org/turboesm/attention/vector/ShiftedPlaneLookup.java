package org.turboesm.attention.vector;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import org.turboesm.kv.PackedKvBlocks;
import org.turboesm.kv.PackedKvLayout;

/**
 * Codes by shifts, for JDKs without an instruction for {@code VectorMask.fromLong}. A plane's 64
 * bits are repeated in all longs of a vector; short lane 4 i + j, which sees bits 16 j to 16 j + 15
 * of it, is shifted by i, 0 to 7, and then holds bit 16 j + i at the bottom of its low byte and bit
 * 16 j + i + 8 at that of its high byte.
 */
final class ShiftedPlaneLookup extends PlaneLookup {
  private static final VectorSpecies<Long> LONGS = LongVector.SPECIES_512;
  private static final int PIECES = Long.SIZE / Short.SIZE;
  private static final ShortVector SHIFTS = shifts();
  private static final ShortVector LOWEST_BITS = ShortVector.broadcast(SHORTS, 0x0101);

  private static ShortVector shifts() {
    short[] shifts = new short[SHORTS.length()];
    for (int lane = 0; lane < shifts.length; lane++) {
      shifts[lane] = (short) (lane / PIECES);
    }
    return ShortVector.fromArray(SHORTS, shifts, 0);
  }

  @Override
  String name() {
    return "shifts";
  }

  @Override
  int position(int token) {
    int piece = token / Short.SIZE;
    int shortLane = PIECES * (token % Byte.SIZE) + piece;
    int oddByte = token / Byte.SIZE % 2;
    return (2 * oddByte + shortLane % 2) * Lanes.COUNT + shortLane / 2;
  }

  @Override
  int groupSize() {
    return 1;
  }

  @Override
  void addGroup(int bits, PackedKvBlocks cache, int[] planes, short[] sums, int tables) {
    throw new UnsupportedOperationException();
  }

  @Override
  void weighGroup(
      int bits,
      PackedKvBlocks cache,
      int[] planes,
      short[] tables,
      int table,
      float[] weights,
      int sums) {
    throw new UnsupportedOperationException();
  }

  @Override
  void add(int bits, PackedKvBlocks cache, int plane, byte[] bytes, short[] sums) {
    int[] words = cache.words();
    int stride = cache.layout().wordsPerBlock();
    int blocks = PackedKvLayout.blocks(cache.packedLength());
    switch (bits) {
      case 1 -> add1(words, plane, stride, blocks, bytes, sums);
      case 2 -> add2(words, plane, stride, blocks, bytes, sums);
      case 3 -> add3(words, plane, stride, blocks, bytes, sums);
      case 4 -> add4(words, plane, stride, blocks, bytes, sums);
      default -> {
        putCodes(bits, words, plane, stride, blocks, bytes);
        addEntries(bits, blocks, bytes, sums);
      }
    }
  }

  /** In two steps, since one loop would be too long to compile well. */
  private static void putCodes(
      int bits, int[] words, int plane, int stride, int blocks, byte[] bytes) {
    putLowCodes(words, plane, stride, blocks, bytes);
    switch (bits) {
      case 5 -> putHighCodes1(words, plane + 4, stride, blocks, bytes);
      case 6 -> putHighCodes2(words, plane + 4, stride, blocks, bytes);
      case 7 -> putHighCodes3(words, plane + 4, stride, blocks, bytes);
      case 8 -> putHighCodes4(words, plane + 4, stride, blocks, bytes);
      default -> throw new IllegalArgumentException("a code of " + bits + " bits");
    }
  }

  private static void putLowCodes(int[] words, int plane, int stride, int blocks, byte[] bytes) {
    for (int block = 0; block < blocks; block += 2) {
      int first = plane + block * stride;
      int second = first + secondStep(block, blocks, stride);
      long bits0 = plane(words, first, second);
      long bits1 = plane(words, first + 1, second + 1);
      long bits2 = plane(words, first + 2, second + 2);
      long bits3 = plane(words, first + 3, second + 3);
      ShortVector code =
          LongVector.broadcast(LONGS, bits3)
              .reinterpretAsShorts()
              .lanewise(VectorOperators.LSHR, SHIFTS)
              .and(LOWEST_BITS);
      code =
          code.add(code)
              .or(
                  LongVector.broadcast(LONGS, bits2)
                      .reinterpretAsShorts()
                      .lanewise(VectorOperators.LSHR, SHIFTS)
                      .and(LOWEST_BITS));
      code =
          code.add(code)
              .or(
                  LongVector.broadcast(LONGS, bits1)
                      .reinterpretAsShorts()
                      .lanewise(VectorOperators.LSHR, SHIFTS)
                      .and(LOWEST_BITS));
      code =
          code.add(code)
              .or(
                  LongVector.broadcast(LONGS, bits0)
                      .reinterpretAsShorts()
                      .lanewise(VectorOperators.LSHR, SHIFTS)
                      .and(LOWEST_BITS));
      code.reinterpretAsBytes().intoArray(bytes, CODES + block * Lanes.BLOCK);
    }
  }

  private static void putHighCodes1(int[] words, int plane, int stride, int blocks, byte[] bytes) {
    for (int block = 0; block < blocks; block += 2) {
      int first = plane + block * stride;
      int second = first + secondStep(block, blocks, stride);
      long bits0 = plane(words, first, second);
      ShortVector code =
          LongVector.broadcast(LONGS, bits0)
              .reinterpretAsShorts()
              .lanewise(VectorOperators.LSHR, SHIFTS)
              .and(LOWEST_BITS);
      code.lanewise(VectorOperators.LSHL, 4)
          .reinterpretAsBytes()
          .or(ByteVector.fromArray(BYTES, bytes, CODES + block * Lanes.BLOCK))
          .intoArray(bytes, CODES + block * Lanes.BLOCK);
    }
  }

  private static void putHighCodes2(int[] words, int plane, int stride, int blocks, byte[] bytes) {
    for (int block = 0; block < blocks; block += 2) {
      int first = plane + block * stride;
      int second = first + secondStep(block, blocks, stride);
      long bits0 = plane(words, first, second);
      long bits1 = plane(words, first + 1, second + 1);
      ShortVector code =
          LongVector.broadcast(LONGS, bits1)
              .reinterpretAsShorts()
              .lanewise(VectorOperators.LSHR, SHIFTS)
              .and(LOWEST_BITS);
      code =
          code.add(code)
              .or(
                  LongVector.broadcast(LONGS, bits0)
                      .reinterpretAsShorts()
                      .lanewise(VectorOperators.LSHR, SHIFTS)
                      .and(LOWEST_BITS));
      code.lanewise(VectorOperators.LSHL, 4)
          .reinterpretAsBytes()
          .or(ByteVector.fromArray(BYTES, bytes, CODES + block * Lanes.BLOCK))
          .intoArray(bytes, CODES + block * Lanes.BLOCK);
    }
  }

  private static void putHighCodes3(int[] words, int plane, int stride, int blocks, byte[] bytes) {
    for (int block = 0; block < blocks; block += 2) {
      int first = plane + block * stride;
      int second = first + secondStep(block, blocks, stride);
      long bits0 = plane(words, first, second);
      long bits1 = plane(words, first + 1, second + 1);
      long bits2 = plane(words, first + 2, second + 2);
      ShortVector code =
          LongVector.broadcast(LONGS, bits2)
              .reinterpretAsShorts()
              .lanewise(VectorOperators.LSHR, SHIFTS)
              .and(LOWEST_BITS);
      code =
          code.add(code)
              .or(
                  LongVector.broadcast(LONGS, bits1)
                      .reinterpretAsShorts()
                      .lanewise(VectorOperators.LSHR, SHIFTS)
                      .and(LOWEST_BITS));
      code =
          code.add(code)
              .or(
                  LongVector.broadcast(LONGS, bits0)
                      .reinterpretAsShorts()
                      .lanewise(VectorOperators.LSHR, SHIFTS)
                      .and(LOWEST_BITS));
      code.lanewise(VectorOperators.LSHL, 4)
          .reinterpretAsBytes()
          .or(ByteVector.fromArray(BYTES, bytes, CODES + block * Lanes.BLOCK))
          .intoArray(bytes, CODES + block * Lanes.BLOCK);
    }
  }

  private static void putHighCodes4(int[] words, int plane, int stride, int blocks, byte[] bytes) {
    for (int block = 0; block < blocks; block += 2) {
      int first = plane + block * stride;
      int second = first + secondStep(block, blocks, stride);
      long bits0 = plane(words, first, second);
      long bits1 = plane(words, first + 1, second + 1);
      long bits2 = plane(words, first + 2, second + 2);
      long bits3 = plane(words, first + 3, second + 3);
      ShortVector code =
          LongVector.broadcast(LONGS, bits3)
              .reinterpretAsShorts()
              .lanewise(VectorOperators.LSHR, SHIFTS)
              .and(LOWEST_BITS);
      code =
          code.add(code)
              .or(
                  LongVector.broadcast(LONGS, bits2)
                      .reinterpretAsShorts()
                      .lanewise(VectorOperators.LSHR, SHIFTS)
                      .and(LOWEST_BITS));
      code =
          code.add(code)
              .or(
                  LongVector.broadcast(LONGS, bits1)
                      .reinterpretAsShorts()
                      .lanewise(VectorOperators.LSHR, SHIFTS)
                      .and(LOWEST_BITS));
      code =
          code.add(code)
              .or(
                  LongVector.broadcast(LONGS, bits0)
                      .reinterpretAsShorts()
                      .lanewise(VectorOperators.LSHR, SHIFTS)
                      .and(LOWEST_BITS));
      code.lanewise(VectorOperators.LSHL, 4)
          .reinterpretAsBytes()
          .or(ByteVector.fromArray(BYTES, bytes, CODES + block * Lanes.BLOCK))
          .intoArray(bytes, CODES + block * Lanes.BLOCK);
    }
  }

  private static void add1(
      int[] words, int plane, int stride, int blocks, byte[] bytes, short[] sums) {
    ByteVector high0 = ByteVector.fromArray(BYTES, bytes, 0 * EntryTable.BYTES);
    ByteVector low0 = ByteVector.fromArray(BYTES, bytes, 1 * EntryTable.BYTES);
    for (int block = 0; block < blocks; block += 2) {
      int first = plane + block * stride;
      int second = first + secondStep(block, blocks, stride);
      long bits0 = plane(words, first, second);
      ShortVector lanes =
          LongVector.broadcast(LONGS, bits0)
              .reinterpretAsShorts()
              .lanewise(VectorOperators.LSHR, SHIFTS)
              .and(LOWEST_BITS);
      ByteVector code = lanes.reinterpretAsBytes();
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

  private static void add2(
      int[] words, int plane, int stride, int blocks, byte[] bytes, short[] sums) {
    ByteVector high0 = ByteVector.fromArray(BYTES, bytes, 0 * EntryTable.BYTES);
    ByteVector low0 = ByteVector.fromArray(BYTES, bytes, 1 * EntryTable.BYTES);
    for (int block = 0; block < blocks; block += 2) {
      int first = plane + block * stride;
      int second = first + secondStep(block, blocks, stride);
      long bits0 = plane(words, first, second);
      long bits1 = plane(words, first + 1, second + 1);
      ShortVector lanes =
          LongVector.broadcast(LONGS, bits1)
              .reinterpretAsShorts()
              .lanewise(VectorOperators.LSHR, SHIFTS)
              .and(LOWEST_BITS);
      lanes =
          lanes
              .add(lanes)
              .or(
                  LongVector.broadcast(LONGS, bits0)
                      .reinterpretAsShorts()
                      .lanewise(VectorOperators.LSHR, SHIFTS)
                      .and(LOWEST_BITS));
      ByteVector code = lanes.reinterpretAsBytes();
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

  private static void add3(
      int[] words, int plane, int stride, int blocks, byte[] bytes, short[] sums) {
    ByteVector high0 = ByteVector.fromArray(BYTES, bytes, 0 * EntryTable.BYTES);
    ByteVector low0 = ByteVector.fromArray(BYTES, bytes, 1 * EntryTable.BYTES);
    for (int block = 0; block < blocks; block += 2) {
      int first = plane + block * stride;
      int second = first + secondStep(block, blocks, stride);
      long bits0 = plane(words, first, second);
      long bits1 = plane(words, first + 1, second + 1);
      long bits2 = plane(words, first + 2, second + 2);
      ShortVector lanes =
          LongVector.broadcast(LONGS, bits2)
              .reinterpretAsShorts()
              .lanewise(VectorOperators.LSHR, SHIFTS)
              .and(LOWEST_BITS);
      lanes =
          lanes
              .add(lanes)
              .or(
                  LongVector.broadcast(LONGS, bits1)
                      .reinterpretAsShorts()
                      .lanewise(VectorOperators.LSHR, SHIFTS)
                      .and(LOWEST_BITS));
      lanes =
          lanes
              .add(lanes)
              .or(
                  LongVector.broadcast(LONGS, bits0)
                      .reinterpretAsShorts()
                      .lanewise(VectorOperators.LSHR, SHIFTS)
                      .and(LOWEST_BITS));
      ByteVector code = lanes.reinterpretAsBytes();
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

  private static void add4(
      int[] words, int plane, int stride, int blocks, byte[] bytes, short[] sums) {
    ByteVector high0 = ByteVector.fromArray(BYTES, bytes, 0 * EntryTable.BYTES);
    ByteVector low0 = ByteVector.fromArray(BYTES, bytes, 1 * EntryTable.BYTES);
    for (int block = 0; block < blocks; block += 2) {
      int first = plane + block * stride;
      int second = first + secondStep(block, blocks, stride);
      long bits0 = plane(words, first, second);
      long bits1 = plane(words, first + 1, second + 1);
      long bits2 = plane(words, first + 2, second + 2);
      long bits3 = plane(words, first + 3, second + 3);
      ShortVector lanes =
          LongVector.broadcast(LONGS, bits3)
              .reinterpretAsShorts()
              .lanewise(VectorOperators.LSHR, SHIFTS)
              .and(LOWEST_BITS);
      lanes =
          lanes
              .add(lanes)
              .or(
                  LongVector.broadcast(LONGS, bits2)
                      .reinterpretAsShorts()
                      .lanewise(VectorOperators.LSHR, SHIFTS)
                      .and(LOWEST_BITS));
      lanes =
          lanes
              .add(lanes)
              .or(
                  LongVector.broadcast(LONGS, bits1)
                      .reinterpretAsShorts()
                      .lanewise(VectorOperators.LSHR, SHIFTS)
                      .and(LOWEST_BITS));
      lanes =
          lanes
              .add(lanes)
              .or(
                  LongVector.broadcast(LONGS, bits0)
                      .reinterpretAsShorts()
                      .lanewise(VectorOperators.LSHR, SHIFTS)
                      .and(LOWEST_BITS));
      ByteVector code = lanes.reinterpretAsBytes();
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
}
