package org.turboesm.attention.vector;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import org.turboesm.kv.PackedKvBlocks;
import org.turboesm.kv.PackedKvLayout;

/**
 * Codes by masks: a plane of two blocks is the mask of a vector of 64 bytes as it stands, under
 * which the plane's place value is added. Wants {@code VectorMask.fromLong} to be an instruction.
 * Narrow channels are taken in groups, and their tables permuted as shorts, which takes fewer
 * operations than high and low bytes.
 */
final class MaskedPlaneLookup extends PlaneLookup {
  /** The first long-term JDK in which a mask from a long is an instruction. */
  static final int FIRST_JDK = 21;

  private static final int GROUP = 4;
  private static final ByteVector ZERO = ByteVector.zero(BYTES);
  private static final ByteVector PLACE0 = ByteVector.broadcast(BYTES, (byte) (1 << 0));
  private static final ByteVector PLACE1 = ByteVector.broadcast(BYTES, (byte) (1 << 1));
  private static final ByteVector PLACE2 = ByteVector.broadcast(BYTES, (byte) (1 << 2));
  private static final ByteVector PLACE3 = ByteVector.broadcast(BYTES, (byte) (1 << 3));
  private static final ByteVector PLACE4 = ByteVector.broadcast(BYTES, (byte) (1 << 4));
  private static final ByteVector PLACE5 = ByteVector.broadcast(BYTES, (byte) (1 << 5));
  private static final ByteVector PLACE6 = ByteVector.broadcast(BYTES, (byte) (1 << 6));
  private static final ByteVector PLACE7 = ByteVector.broadcast(BYTES, (byte) (1 << 7));
  private static final ShortVector LOW_BYTES = ShortVector.broadcast(SHORTS, 0xFF);

  @Override
  String name() {
    return "masks";
  }

  @Override
  int position(int token) {
    int shortLane = token / 2;
    return (2 * (token % 2) + shortLane % 2) * Lanes.COUNT + shortLane / 2;
  }

  @Override
  int groupSize() {
    return GROUP;
  }

  @Override
  void add(int bits, PackedKvBlocks cache, int plane, byte[] bytes, short[] sums) {
    int[] words = cache.words();
    int stride = cache.layout().wordsPerBlock();
    int blocks = PackedKvLayout.blocks(cache.packedLength());
    switch (bits) {
      case 1 -> putCodes1(words, plane, stride, blocks, bytes);
      case 2 -> putCodes2(words, plane, stride, blocks, bytes);
      case 3 -> putCodes3(words, plane, stride, blocks, bytes);
      case 4 -> putCodes4(words, plane, stride, blocks, bytes);
      case 5 -> putCodes5(words, plane, stride, blocks, bytes);
      case 6 -> putCodes6(words, plane, stride, blocks, bytes);
      case 7 -> putCodes7(words, plane, stride, blocks, bytes);
      case 8 -> putCodes8(words, plane, stride, blocks, bytes);
      default -> throw new IllegalArgumentException("a code of " + bits + " bits");
    }
    addEntries(bits, blocks, bytes, sums);
  }

  private static void putCodes1(int[] words, int plane, int stride, int blocks, byte[] bytes) {
    for (int block = 0; block < blocks; block += 2) {
      int first = plane + block * stride;
      int second = first + secondStep(block, blocks, stride);
      long bits0 = plane(words, first, second);
      ByteVector code = ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits0));
      code.intoArray(bytes, CODES + block * Lanes.BLOCK);
    }
  }

  private static void putCodes2(int[] words, int plane, int stride, int blocks, byte[] bytes) {
    for (int block = 0; block < blocks; block += 2) {
      int first = plane + block * stride;
      int second = first + secondStep(block, blocks, stride);
      long bits0 = plane(words, first, second);
      long bits1 = plane(words, first + 1, second + 1);
      ByteVector code =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits1));
      code.intoArray(bytes, CODES + block * Lanes.BLOCK);
    }
  }

  private static void putCodes3(int[] words, int plane, int stride, int blocks, byte[] bytes) {
    for (int block = 0; block < blocks; block += 2) {
      int first = plane + block * stride;
      int second = first + secondStep(block, blocks, stride);
      long bits0 = plane(words, first, second);
      long bits1 = plane(words, first + 1, second + 1);
      long bits2 = plane(words, first + 2, second + 2);
      ByteVector code =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits2));
      code.intoArray(bytes, CODES + block * Lanes.BLOCK);
    }
  }

  private static void putCodes4(int[] words, int plane, int stride, int blocks, byte[] bytes) {
    for (int block = 0; block < blocks; block += 2) {
      int first = plane + block * stride;
      int second = first + secondStep(block, blocks, stride);
      long bits0 = plane(words, first, second);
      long bits1 = plane(words, first + 1, second + 1);
      long bits2 = plane(words, first + 2, second + 2);
      long bits3 = plane(words, first + 3, second + 3);
      ByteVector code =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits2))
              .add(PLACE3, VectorMask.fromLong(BYTES, bits3));
      code.intoArray(bytes, CODES + block * Lanes.BLOCK);
    }
  }

  private static void putCodes5(int[] words, int plane, int stride, int blocks, byte[] bytes) {
    for (int block = 0; block < blocks; block += 2) {
      int first = plane + block * stride;
      int second = first + secondStep(block, blocks, stride);
      long bits0 = plane(words, first, second);
      long bits1 = plane(words, first + 1, second + 1);
      long bits2 = plane(words, first + 2, second + 2);
      long bits3 = plane(words, first + 3, second + 3);
      long bits4 = plane(words, first + 4, second + 4);
      ByteVector code =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits2))
              .add(PLACE3, VectorMask.fromLong(BYTES, bits3))
              .add(PLACE4, VectorMask.fromLong(BYTES, bits4));
      code.intoArray(bytes, CODES + block * Lanes.BLOCK);
    }
  }

  private static void putCodes6(int[] words, int plane, int stride, int blocks, byte[] bytes) {
    for (int block = 0; block < blocks; block += 2) {
      int first = plane + block * stride;
      int second = first + secondStep(block, blocks, stride);
      long bits0 = plane(words, first, second);
      long bits1 = plane(words, first + 1, second + 1);
      long bits2 = plane(words, first + 2, second + 2);
      long bits3 = plane(words, first + 3, second + 3);
      long bits4 = plane(words, first + 4, second + 4);
      long bits5 = plane(words, first + 5, second + 5);
      ByteVector code =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits2))
              .add(PLACE3, VectorMask.fromLong(BYTES, bits3))
              .add(PLACE4, VectorMask.fromLong(BYTES, bits4))
              .add(PLACE5, VectorMask.fromLong(BYTES, bits5));
      code.intoArray(bytes, CODES + block * Lanes.BLOCK);
    }
  }

  private static void putCodes7(int[] words, int plane, int stride, int blocks, byte[] bytes) {
    for (int block = 0; block < blocks; block += 2) {
      int first = plane + block * stride;
      int second = first + secondStep(block, blocks, stride);
      long bits0 = plane(words, first, second);
      long bits1 = plane(words, first + 1, second + 1);
      long bits2 = plane(words, first + 2, second + 2);
      long bits3 = plane(words, first + 3, second + 3);
      long bits4 = plane(words, first + 4, second + 4);
      long bits5 = plane(words, first + 5, second + 5);
      long bits6 = plane(words, first + 6, second + 6);
      ByteVector code =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits2))
              .add(PLACE3, VectorMask.fromLong(BYTES, bits3))
              .add(PLACE4, VectorMask.fromLong(BYTES, bits4))
              .add(PLACE5, VectorMask.fromLong(BYTES, bits5))
              .add(PLACE6, VectorMask.fromLong(BYTES, bits6));
      code.intoArray(bytes, CODES + block * Lanes.BLOCK);
    }
  }

  private static void putCodes8(int[] words, int plane, int stride, int blocks, byte[] bytes) {
    for (int block = 0; block < blocks; block += 2) {
      int first = plane + block * stride;
      int second = first + secondStep(block, blocks, stride);
      long bits0 = plane(words, first, second);
      long bits1 = plane(words, first + 1, second + 1);
      long bits2 = plane(words, first + 2, second + 2);
      long bits3 = plane(words, first + 3, second + 3);
      long bits4 = plane(words, first + 4, second + 4);
      long bits5 = plane(words, first + 5, second + 5);
      long bits6 = plane(words, first + 6, second + 6);
      long bits7 = plane(words, first + 7, second + 7);
      ByteVector code =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits2))
              .add(PLACE3, VectorMask.fromLong(BYTES, bits3))
              .add(PLACE4, VectorMask.fromLong(BYTES, bits4))
              .add(PLACE5, VectorMask.fromLong(BYTES, bits5))
              .add(PLACE6, VectorMask.fromLong(BYTES, bits6))
              .add(PLACE7, VectorMask.fromLong(BYTES, bits7));
      code.intoArray(bytes, CODES + block * Lanes.BLOCK);
    }
  }

  private static ShortVector load(short[] tables, int offset, int i) {
    return ShortVector.fromArray(SHORTS, tables, offset + i * EntryTable.SHORTS);
  }

  @Override
  void addGroup(int bits, PackedKvBlocks cache, int[] planes, short[] sums, int tables) {
    int[] words = cache.words();
    int stride = cache.layout().wordsPerBlock();
    int blocks = PackedKvLayout.blocks(cache.packedLength());
    switch (bits) {
      case 1 -> add1(words, planes, stride, blocks, sums, tables);
      case 2 -> add2(words, planes, stride, blocks, sums, tables);
      case 3 -> add3(words, planes, stride, blocks, sums, tables);
      case 4 -> add4(words, planes, stride, blocks, sums, tables);
      case 5 -> add5(words, planes, stride, blocks, sums, tables);
      default -> throw new IllegalArgumentException("a code of " + bits + " bits");
    }
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
    for (int channel = 0; channel < GROUP; channel += 2) {
      int sum = sums + channel * Lanes.COUNT;
      weighPair(
          bits,
          cache,
          planes[channel],
          planes[channel + 1],
          tables,
          table + channel * EntryTable.SHORTS,
          weights,
          sum);
    }
  }

  private static void weighPair(
      int bits,
      PackedKvBlocks cache,
      int plane0,
      int plane1,
      short[] tables,
      int table,
      float[] weights,
      int sums) {
    int[] words = cache.words();
    int stride = cache.layout().wordsPerBlock();
    int blocks = PackedKvLayout.blocks(cache.packedLength());
    switch (bits) {
      case 1 -> weigh1(words, plane0, plane1, stride, blocks, tables, table, weights, sums);
      case 2 -> weigh2(words, plane0, plane1, stride, blocks, tables, table, weights, sums);
      case 3 -> weigh3(words, plane0, plane1, stride, blocks, tables, table, weights, sums);
      case 4 -> weigh4(words, plane0, plane1, stride, blocks, tables, table, weights, sums);
      case 5 -> weigh5(words, plane0, plane1, stride, blocks, tables, table, weights, sums);
      default -> throw new IllegalArgumentException("a code of " + bits + " bits");
    }
  }

  private static void add1(
      int[] words, int[] planes, int stride, int blocks, short[] sums, int tables) {
    ShortVector table0 = load(sums, tables, 0);
    int plane0 = planes[0];
    ShortVector table1 = load(sums, tables, 1);
    int plane1 = planes[1];
    ShortVector table2 = load(sums, tables, 2);
    int plane2 = planes[2];
    ShortVector table3 = load(sums, tables, 3);
    int plane3 = planes[3];
    for (int block = 0; block < blocks; block += 2) {
      int first = block * stride;
      int second = first + secondStep(block, blocks, stride);
      long bits0of0 = plane(words, first + plane0, second + plane0);
      long bits1of0 = plane(words, first + plane1, second + plane1);
      long bits2of0 = plane(words, first + plane2, second + plane2);
      long bits3of0 = plane(words, first + plane3, second + plane3);
      ByteVector bytes0 = ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits0of0));
      ShortVector code0 = bytes0.reinterpretAsShorts();
      ByteVector bytes1 = ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits1of0));
      ShortVector code1 = bytes1.reinterpretAsShorts();
      ByteVector bytes2 = ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits2of0));
      ShortVector code2 = bytes2.reinterpretAsShorts();
      ByteVector bytes3 = ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits3of0));
      ShortVector code3 = bytes3.reinterpretAsShorts();
      int t = block * Lanes.BLOCK;
      ShortVector.fromArray(SHORTS, sums, t)
          .add(code0.and(LOW_BYTES).selectFrom(table0))
          .add(code1.and(LOW_BYTES).selectFrom(table1))
          .add(code2.and(LOW_BYTES).selectFrom(table2))
          .add(code3.and(LOW_BYTES).selectFrom(table3))
          .intoArray(sums, t);
      ShortVector.fromArray(SHORTS, sums, t + Lanes.BLOCK)
          .add(code0.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table0))
          .add(code1.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table1))
          .add(code2.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table2))
          .add(code3.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table3))
          .intoArray(sums, t + Lanes.BLOCK);
    }
  }

  private static void weigh1(
      int[] words,
      int plane0,
      int plane1,
      int stride,
      int blocks,
      short[] tables,
      int table,
      float[] weights,
      int sums) {
    ShortVector table0 = load(tables, table, 0);
    FloatVector sum0 = Lanes.broadcast(0);
    FloatVector other0 = Lanes.broadcast(0);
    ShortVector table1 = load(tables, table, 1);
    FloatVector sum1 = Lanes.broadcast(0);
    FloatVector other1 = Lanes.broadcast(0);
    for (int block = 0; block < blocks; block += 2) {
      int first = block * stride;
      int second = first + secondStep(block, blocks, stride);
      int t = block * Lanes.BLOCK;
      FloatVector weights0 = Lanes.load(weights, t);
      FloatVector weights1 = Lanes.load(weights, t + Lanes.COUNT);
      FloatVector weights2 = Lanes.load(weights, t + 2 * Lanes.COUNT);
      FloatVector weights3 = Lanes.load(weights, t + 3 * Lanes.COUNT);
      long bits0of0 = plane(words, first + plane0, second + plane0);
      ByteVector bytes0 = ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits0of0));
      ShortVector code0 = bytes0.reinterpretAsShorts();
      IntVector even0 = code0.and(LOW_BYTES).selectFrom(table0).reinterpretAsInts();
      IntVector odd0 =
          code0.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table0).reinterpretAsInts();
      sum0 =
          even0
              .lanewise(VectorOperators.LSHL, Short.SIZE)
              .reinterpretAsFloats()
              .fma(weights0, sum0);
      other0 = even0.and(HIGH_HALVES).reinterpretAsFloats().fma(weights1, other0);
      sum0 =
          odd0.lanewise(VectorOperators.LSHL, Short.SIZE).reinterpretAsFloats().fma(weights2, sum0);
      other0 = odd0.and(HIGH_HALVES).reinterpretAsFloats().fma(weights3, other0);
      long bits1of0 = plane(words, first + plane1, second + plane1);
      ByteVector bytes1 = ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits1of0));
      ShortVector code1 = bytes1.reinterpretAsShorts();
      IntVector even1 = code1.and(LOW_BYTES).selectFrom(table1).reinterpretAsInts();
      IntVector odd1 =
          code1.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table1).reinterpretAsInts();
      sum1 =
          even1
              .lanewise(VectorOperators.LSHL, Short.SIZE)
              .reinterpretAsFloats()
              .fma(weights0, sum1);
      other1 = even1.and(HIGH_HALVES).reinterpretAsFloats().fma(weights1, other1);
      sum1 =
          odd1.lanewise(VectorOperators.LSHL, Short.SIZE).reinterpretAsFloats().fma(weights2, sum1);
      other1 = odd1.and(HIGH_HALVES).reinterpretAsFloats().fma(weights3, other1);
    }
    sum0.add(other0).intoArray(weights, sums + 0 * Lanes.COUNT);
    sum1.add(other1).intoArray(weights, sums + 1 * Lanes.COUNT);
  }

  private static void add2(
      int[] words, int[] planes, int stride, int blocks, short[] sums, int tables) {
    ShortVector table0 = load(sums, tables, 0);
    int plane0 = planes[0];
    ShortVector table1 = load(sums, tables, 1);
    int plane1 = planes[1];
    ShortVector table2 = load(sums, tables, 2);
    int plane2 = planes[2];
    ShortVector table3 = load(sums, tables, 3);
    int plane3 = planes[3];
    for (int block = 0; block < blocks; block += 2) {
      int first = block * stride;
      int second = first + secondStep(block, blocks, stride);
      long bits0of0 = plane(words, first + plane0, second + plane0);
      long bits0of1 = plane(words, first + plane0 + 1, second + plane0 + 1);
      long bits1of0 = plane(words, first + plane1, second + plane1);
      long bits1of1 = plane(words, first + plane1 + 1, second + plane1 + 1);
      long bits2of0 = plane(words, first + plane2, second + plane2);
      long bits2of1 = plane(words, first + plane2 + 1, second + plane2 + 1);
      long bits3of0 = plane(words, first + plane3, second + plane3);
      long bits3of1 = plane(words, first + plane3 + 1, second + plane3 + 1);
      ByteVector bytes0 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits0of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits0of1));
      ShortVector code0 = bytes0.reinterpretAsShorts();
      ByteVector bytes1 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits1of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits1of1));
      ShortVector code1 = bytes1.reinterpretAsShorts();
      ByteVector bytes2 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits2of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits2of1));
      ShortVector code2 = bytes2.reinterpretAsShorts();
      ByteVector bytes3 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits3of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits3of1));
      ShortVector code3 = bytes3.reinterpretAsShorts();
      int t = block * Lanes.BLOCK;
      ShortVector.fromArray(SHORTS, sums, t)
          .add(code0.and(LOW_BYTES).selectFrom(table0))
          .add(code1.and(LOW_BYTES).selectFrom(table1))
          .add(code2.and(LOW_BYTES).selectFrom(table2))
          .add(code3.and(LOW_BYTES).selectFrom(table3))
          .intoArray(sums, t);
      ShortVector.fromArray(SHORTS, sums, t + Lanes.BLOCK)
          .add(code0.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table0))
          .add(code1.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table1))
          .add(code2.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table2))
          .add(code3.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table3))
          .intoArray(sums, t + Lanes.BLOCK);
    }
  }

  private static void weigh2(
      int[] words,
      int plane0,
      int plane1,
      int stride,
      int blocks,
      short[] tables,
      int table,
      float[] weights,
      int sums) {
    ShortVector table0 = load(tables, table, 0);
    FloatVector sum0 = Lanes.broadcast(0);
    FloatVector other0 = Lanes.broadcast(0);
    ShortVector table1 = load(tables, table, 1);
    FloatVector sum1 = Lanes.broadcast(0);
    FloatVector other1 = Lanes.broadcast(0);
    for (int block = 0; block < blocks; block += 2) {
      int first = block * stride;
      int second = first + secondStep(block, blocks, stride);
      int t = block * Lanes.BLOCK;
      FloatVector weights0 = Lanes.load(weights, t);
      FloatVector weights1 = Lanes.load(weights, t + Lanes.COUNT);
      FloatVector weights2 = Lanes.load(weights, t + 2 * Lanes.COUNT);
      FloatVector weights3 = Lanes.load(weights, t + 3 * Lanes.COUNT);
      long bits0of0 = plane(words, first + plane0, second + plane0);
      long bits0of1 = plane(words, first + plane0 + 1, second + plane0 + 1);
      ByteVector bytes0 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits0of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits0of1));
      ShortVector code0 = bytes0.reinterpretAsShorts();
      IntVector even0 = code0.and(LOW_BYTES).selectFrom(table0).reinterpretAsInts();
      IntVector odd0 =
          code0.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table0).reinterpretAsInts();
      sum0 =
          even0
              .lanewise(VectorOperators.LSHL, Short.SIZE)
              .reinterpretAsFloats()
              .fma(weights0, sum0);
      other0 = even0.and(HIGH_HALVES).reinterpretAsFloats().fma(weights1, other0);
      sum0 =
          odd0.lanewise(VectorOperators.LSHL, Short.SIZE).reinterpretAsFloats().fma(weights2, sum0);
      other0 = odd0.and(HIGH_HALVES).reinterpretAsFloats().fma(weights3, other0);
      long bits1of0 = plane(words, first + plane1, second + plane1);
      long bits1of1 = plane(words, first + plane1 + 1, second + plane1 + 1);
      ByteVector bytes1 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits1of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits1of1));
      ShortVector code1 = bytes1.reinterpretAsShorts();
      IntVector even1 = code1.and(LOW_BYTES).selectFrom(table1).reinterpretAsInts();
      IntVector odd1 =
          code1.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table1).reinterpretAsInts();
      sum1 =
          even1
              .lanewise(VectorOperators.LSHL, Short.SIZE)
              .reinterpretAsFloats()
              .fma(weights0, sum1);
      other1 = even1.and(HIGH_HALVES).reinterpretAsFloats().fma(weights1, other1);
      sum1 =
          odd1.lanewise(VectorOperators.LSHL, Short.SIZE).reinterpretAsFloats().fma(weights2, sum1);
      other1 = odd1.and(HIGH_HALVES).reinterpretAsFloats().fma(weights3, other1);
    }
    sum0.add(other0).intoArray(weights, sums + 0 * Lanes.COUNT);
    sum1.add(other1).intoArray(weights, sums + 1 * Lanes.COUNT);
  }

  private static void add3(
      int[] words, int[] planes, int stride, int blocks, short[] sums, int tables) {
    ShortVector table0 = load(sums, tables, 0);
    int plane0 = planes[0];
    ShortVector table1 = load(sums, tables, 1);
    int plane1 = planes[1];
    ShortVector table2 = load(sums, tables, 2);
    int plane2 = planes[2];
    ShortVector table3 = load(sums, tables, 3);
    int plane3 = planes[3];
    for (int block = 0; block < blocks; block += 2) {
      int first = block * stride;
      int second = first + secondStep(block, blocks, stride);
      long bits0of0 = plane(words, first + plane0, second + plane0);
      long bits0of1 = plane(words, first + plane0 + 1, second + plane0 + 1);
      long bits0of2 = plane(words, first + plane0 + 2, second + plane0 + 2);
      long bits1of0 = plane(words, first + plane1, second + plane1);
      long bits1of1 = plane(words, first + plane1 + 1, second + plane1 + 1);
      long bits1of2 = plane(words, first + plane1 + 2, second + plane1 + 2);
      long bits2of0 = plane(words, first + plane2, second + plane2);
      long bits2of1 = plane(words, first + plane2 + 1, second + plane2 + 1);
      long bits2of2 = plane(words, first + plane2 + 2, second + plane2 + 2);
      long bits3of0 = plane(words, first + plane3, second + plane3);
      long bits3of1 = plane(words, first + plane3 + 1, second + plane3 + 1);
      long bits3of2 = plane(words, first + plane3 + 2, second + plane3 + 2);
      ByteVector bytes0 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits0of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits0of1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits0of2));
      ShortVector code0 = bytes0.reinterpretAsShorts();
      ByteVector bytes1 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits1of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits1of1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits1of2));
      ShortVector code1 = bytes1.reinterpretAsShorts();
      ByteVector bytes2 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits2of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits2of1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits2of2));
      ShortVector code2 = bytes2.reinterpretAsShorts();
      ByteVector bytes3 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits3of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits3of1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits3of2));
      ShortVector code3 = bytes3.reinterpretAsShorts();
      int t = block * Lanes.BLOCK;
      ShortVector.fromArray(SHORTS, sums, t)
          .add(code0.and(LOW_BYTES).selectFrom(table0))
          .add(code1.and(LOW_BYTES).selectFrom(table1))
          .add(code2.and(LOW_BYTES).selectFrom(table2))
          .add(code3.and(LOW_BYTES).selectFrom(table3))
          .intoArray(sums, t);
      ShortVector.fromArray(SHORTS, sums, t + Lanes.BLOCK)
          .add(code0.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table0))
          .add(code1.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table1))
          .add(code2.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table2))
          .add(code3.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table3))
          .intoArray(sums, t + Lanes.BLOCK);
    }
  }

  private static void weigh3(
      int[] words,
      int plane0,
      int plane1,
      int stride,
      int blocks,
      short[] tables,
      int table,
      float[] weights,
      int sums) {
    ShortVector table0 = load(tables, table, 0);
    FloatVector sum0 = Lanes.broadcast(0);
    FloatVector other0 = Lanes.broadcast(0);
    ShortVector table1 = load(tables, table, 1);
    FloatVector sum1 = Lanes.broadcast(0);
    FloatVector other1 = Lanes.broadcast(0);
    for (int block = 0; block < blocks; block += 2) {
      int first = block * stride;
      int second = first + secondStep(block, blocks, stride);
      int t = block * Lanes.BLOCK;
      FloatVector weights0 = Lanes.load(weights, t);
      FloatVector weights1 = Lanes.load(weights, t + Lanes.COUNT);
      FloatVector weights2 = Lanes.load(weights, t + 2 * Lanes.COUNT);
      FloatVector weights3 = Lanes.load(weights, t + 3 * Lanes.COUNT);
      long bits0of0 = plane(words, first + plane0, second + plane0);
      long bits0of1 = plane(words, first + plane0 + 1, second + plane0 + 1);
      long bits0of2 = plane(words, first + plane0 + 2, second + plane0 + 2);
      ByteVector bytes0 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits0of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits0of1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits0of2));
      ShortVector code0 = bytes0.reinterpretAsShorts();
      IntVector even0 = code0.and(LOW_BYTES).selectFrom(table0).reinterpretAsInts();
      IntVector odd0 =
          code0.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table0).reinterpretAsInts();
      sum0 =
          even0
              .lanewise(VectorOperators.LSHL, Short.SIZE)
              .reinterpretAsFloats()
              .fma(weights0, sum0);
      other0 = even0.and(HIGH_HALVES).reinterpretAsFloats().fma(weights1, other0);
      sum0 =
          odd0.lanewise(VectorOperators.LSHL, Short.SIZE).reinterpretAsFloats().fma(weights2, sum0);
      other0 = odd0.and(HIGH_HALVES).reinterpretAsFloats().fma(weights3, other0);
      long bits1of0 = plane(words, first + plane1, second + plane1);
      long bits1of1 = plane(words, first + plane1 + 1, second + plane1 + 1);
      long bits1of2 = plane(words, first + plane1 + 2, second + plane1 + 2);
      ByteVector bytes1 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits1of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits1of1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits1of2));
      ShortVector code1 = bytes1.reinterpretAsShorts();
      IntVector even1 = code1.and(LOW_BYTES).selectFrom(table1).reinterpretAsInts();
      IntVector odd1 =
          code1.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table1).reinterpretAsInts();
      sum1 =
          even1
              .lanewise(VectorOperators.LSHL, Short.SIZE)
              .reinterpretAsFloats()
              .fma(weights0, sum1);
      other1 = even1.and(HIGH_HALVES).reinterpretAsFloats().fma(weights1, other1);
      sum1 =
          odd1.lanewise(VectorOperators.LSHL, Short.SIZE).reinterpretAsFloats().fma(weights2, sum1);
      other1 = odd1.and(HIGH_HALVES).reinterpretAsFloats().fma(weights3, other1);
    }
    sum0.add(other0).intoArray(weights, sums + 0 * Lanes.COUNT);
    sum1.add(other1).intoArray(weights, sums + 1 * Lanes.COUNT);
  }

  private static void add4(
      int[] words, int[] planes, int stride, int blocks, short[] sums, int tables) {
    ShortVector table0 = load(sums, tables, 0);
    int plane0 = planes[0];
    ShortVector table1 = load(sums, tables, 1);
    int plane1 = planes[1];
    ShortVector table2 = load(sums, tables, 2);
    int plane2 = planes[2];
    ShortVector table3 = load(sums, tables, 3);
    int plane3 = planes[3];
    for (int block = 0; block < blocks; block += 2) {
      int first = block * stride;
      int second = first + secondStep(block, blocks, stride);
      long bits0of0 = plane(words, first + plane0, second + plane0);
      long bits0of1 = plane(words, first + plane0 + 1, second + plane0 + 1);
      long bits0of2 = plane(words, first + plane0 + 2, second + plane0 + 2);
      long bits0of3 = plane(words, first + plane0 + 3, second + plane0 + 3);
      long bits1of0 = plane(words, first + plane1, second + plane1);
      long bits1of1 = plane(words, first + plane1 + 1, second + plane1 + 1);
      long bits1of2 = plane(words, first + plane1 + 2, second + plane1 + 2);
      long bits1of3 = plane(words, first + plane1 + 3, second + plane1 + 3);
      long bits2of0 = plane(words, first + plane2, second + plane2);
      long bits2of1 = plane(words, first + plane2 + 1, second + plane2 + 1);
      long bits2of2 = plane(words, first + plane2 + 2, second + plane2 + 2);
      long bits2of3 = plane(words, first + plane2 + 3, second + plane2 + 3);
      long bits3of0 = plane(words, first + plane3, second + plane3);
      long bits3of1 = plane(words, first + plane3 + 1, second + plane3 + 1);
      long bits3of2 = plane(words, first + plane3 + 2, second + plane3 + 2);
      long bits3of3 = plane(words, first + plane3 + 3, second + plane3 + 3);
      ByteVector bytes0 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits0of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits0of1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits0of2))
              .add(PLACE3, VectorMask.fromLong(BYTES, bits0of3));
      ShortVector code0 = bytes0.reinterpretAsShorts();
      ByteVector bytes1 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits1of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits1of1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits1of2))
              .add(PLACE3, VectorMask.fromLong(BYTES, bits1of3));
      ShortVector code1 = bytes1.reinterpretAsShorts();
      ByteVector bytes2 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits2of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits2of1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits2of2))
              .add(PLACE3, VectorMask.fromLong(BYTES, bits2of3));
      ShortVector code2 = bytes2.reinterpretAsShorts();
      ByteVector bytes3 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits3of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits3of1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits3of2))
              .add(PLACE3, VectorMask.fromLong(BYTES, bits3of3));
      ShortVector code3 = bytes3.reinterpretAsShorts();
      int t = block * Lanes.BLOCK;
      ShortVector.fromArray(SHORTS, sums, t)
          .add(code0.and(LOW_BYTES).selectFrom(table0))
          .add(code1.and(LOW_BYTES).selectFrom(table1))
          .add(code2.and(LOW_BYTES).selectFrom(table2))
          .add(code3.and(LOW_BYTES).selectFrom(table3))
          .intoArray(sums, t);
      ShortVector.fromArray(SHORTS, sums, t + Lanes.BLOCK)
          .add(code0.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table0))
          .add(code1.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table1))
          .add(code2.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table2))
          .add(code3.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table3))
          .intoArray(sums, t + Lanes.BLOCK);
    }
  }

  private static void weigh4(
      int[] words,
      int plane0,
      int plane1,
      int stride,
      int blocks,
      short[] tables,
      int table,
      float[] weights,
      int sums) {
    ShortVector table0 = load(tables, table, 0);
    FloatVector sum0 = Lanes.broadcast(0);
    FloatVector other0 = Lanes.broadcast(0);
    ShortVector table1 = load(tables, table, 1);
    FloatVector sum1 = Lanes.broadcast(0);
    FloatVector other1 = Lanes.broadcast(0);
    for (int block = 0; block < blocks; block += 2) {
      int first = block * stride;
      int second = first + secondStep(block, blocks, stride);
      int t = block * Lanes.BLOCK;
      FloatVector weights0 = Lanes.load(weights, t);
      FloatVector weights1 = Lanes.load(weights, t + Lanes.COUNT);
      FloatVector weights2 = Lanes.load(weights, t + 2 * Lanes.COUNT);
      FloatVector weights3 = Lanes.load(weights, t + 3 * Lanes.COUNT);
      long bits0of0 = plane(words, first + plane0, second + plane0);
      long bits0of1 = plane(words, first + plane0 + 1, second + plane0 + 1);
      long bits0of2 = plane(words, first + plane0 + 2, second + plane0 + 2);
      long bits0of3 = plane(words, first + plane0 + 3, second + plane0 + 3);
      ByteVector bytes0 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits0of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits0of1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits0of2))
              .add(PLACE3, VectorMask.fromLong(BYTES, bits0of3));
      ShortVector code0 = bytes0.reinterpretAsShorts();
      IntVector even0 = code0.and(LOW_BYTES).selectFrom(table0).reinterpretAsInts();
      IntVector odd0 =
          code0.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table0).reinterpretAsInts();
      sum0 =
          even0
              .lanewise(VectorOperators.LSHL, Short.SIZE)
              .reinterpretAsFloats()
              .fma(weights0, sum0);
      other0 = even0.and(HIGH_HALVES).reinterpretAsFloats().fma(weights1, other0);
      sum0 =
          odd0.lanewise(VectorOperators.LSHL, Short.SIZE).reinterpretAsFloats().fma(weights2, sum0);
      other0 = odd0.and(HIGH_HALVES).reinterpretAsFloats().fma(weights3, other0);
      long bits1of0 = plane(words, first + plane1, second + plane1);
      long bits1of1 = plane(words, first + plane1 + 1, second + plane1 + 1);
      long bits1of2 = plane(words, first + plane1 + 2, second + plane1 + 2);
      long bits1of3 = plane(words, first + plane1 + 3, second + plane1 + 3);
      ByteVector bytes1 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits1of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits1of1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits1of2))
              .add(PLACE3, VectorMask.fromLong(BYTES, bits1of3));
      ShortVector code1 = bytes1.reinterpretAsShorts();
      IntVector even1 = code1.and(LOW_BYTES).selectFrom(table1).reinterpretAsInts();
      IntVector odd1 =
          code1.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table1).reinterpretAsInts();
      sum1 =
          even1
              .lanewise(VectorOperators.LSHL, Short.SIZE)
              .reinterpretAsFloats()
              .fma(weights0, sum1);
      other1 = even1.and(HIGH_HALVES).reinterpretAsFloats().fma(weights1, other1);
      sum1 =
          odd1.lanewise(VectorOperators.LSHL, Short.SIZE).reinterpretAsFloats().fma(weights2, sum1);
      other1 = odd1.and(HIGH_HALVES).reinterpretAsFloats().fma(weights3, other1);
    }
    sum0.add(other0).intoArray(weights, sums + 0 * Lanes.COUNT);
    sum1.add(other1).intoArray(weights, sums + 1 * Lanes.COUNT);
  }

  private static void add5(
      int[] words, int[] planes, int stride, int blocks, short[] sums, int tables) {
    ShortVector table0 = load(sums, tables, 0);
    int plane0 = planes[0];
    ShortVector table1 = load(sums, tables, 1);
    int plane1 = planes[1];
    ShortVector table2 = load(sums, tables, 2);
    int plane2 = planes[2];
    ShortVector table3 = load(sums, tables, 3);
    int plane3 = planes[3];
    for (int block = 0; block < blocks; block += 2) {
      int first = block * stride;
      int second = first + secondStep(block, blocks, stride);
      long bits0of0 = plane(words, first + plane0, second + plane0);
      long bits0of1 = plane(words, first + plane0 + 1, second + plane0 + 1);
      long bits0of2 = plane(words, first + plane0 + 2, second + plane0 + 2);
      long bits0of3 = plane(words, first + plane0 + 3, second + plane0 + 3);
      long bits0of4 = plane(words, first + plane0 + 4, second + plane0 + 4);
      long bits1of0 = plane(words, first + plane1, second + plane1);
      long bits1of1 = plane(words, first + plane1 + 1, second + plane1 + 1);
      long bits1of2 = plane(words, first + plane1 + 2, second + plane1 + 2);
      long bits1of3 = plane(words, first + plane1 + 3, second + plane1 + 3);
      long bits1of4 = plane(words, first + plane1 + 4, second + plane1 + 4);
      long bits2of0 = plane(words, first + plane2, second + plane2);
      long bits2of1 = plane(words, first + plane2 + 1, second + plane2 + 1);
      long bits2of2 = plane(words, first + plane2 + 2, second + plane2 + 2);
      long bits2of3 = plane(words, first + plane2 + 3, second + plane2 + 3);
      long bits2of4 = plane(words, first + plane2 + 4, second + plane2 + 4);
      long bits3of0 = plane(words, first + plane3, second + plane3);
      long bits3of1 = plane(words, first + plane3 + 1, second + plane3 + 1);
      long bits3of2 = plane(words, first + plane3 + 2, second + plane3 + 2);
      long bits3of3 = plane(words, first + plane3 + 3, second + plane3 + 3);
      long bits3of4 = plane(words, first + plane3 + 4, second + plane3 + 4);
      ByteVector bytes0 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits0of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits0of1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits0of2))
              .add(PLACE3, VectorMask.fromLong(BYTES, bits0of3))
              .add(PLACE4, VectorMask.fromLong(BYTES, bits0of4));
      ShortVector code0 = bytes0.reinterpretAsShorts();
      ByteVector bytes1 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits1of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits1of1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits1of2))
              .add(PLACE3, VectorMask.fromLong(BYTES, bits1of3))
              .add(PLACE4, VectorMask.fromLong(BYTES, bits1of4));
      ShortVector code1 = bytes1.reinterpretAsShorts();
      ByteVector bytes2 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits2of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits2of1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits2of2))
              .add(PLACE3, VectorMask.fromLong(BYTES, bits2of3))
              .add(PLACE4, VectorMask.fromLong(BYTES, bits2of4));
      ShortVector code2 = bytes2.reinterpretAsShorts();
      ByteVector bytes3 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits3of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits3of1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits3of2))
              .add(PLACE3, VectorMask.fromLong(BYTES, bits3of3))
              .add(PLACE4, VectorMask.fromLong(BYTES, bits3of4));
      ShortVector code3 = bytes3.reinterpretAsShorts();
      int t = block * Lanes.BLOCK;
      ShortVector.fromArray(SHORTS, sums, t)
          .add(code0.and(LOW_BYTES).selectFrom(table0))
          .add(code1.and(LOW_BYTES).selectFrom(table1))
          .add(code2.and(LOW_BYTES).selectFrom(table2))
          .add(code3.and(LOW_BYTES).selectFrom(table3))
          .intoArray(sums, t);
      ShortVector.fromArray(SHORTS, sums, t + Lanes.BLOCK)
          .add(code0.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table0))
          .add(code1.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table1))
          .add(code2.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table2))
          .add(code3.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table3))
          .intoArray(sums, t + Lanes.BLOCK);
    }
  }

  private static void weigh5(
      int[] words,
      int plane0,
      int plane1,
      int stride,
      int blocks,
      short[] tables,
      int table,
      float[] weights,
      int sums) {
    ShortVector table0 = load(tables, table, 0);
    FloatVector sum0 = Lanes.broadcast(0);
    FloatVector other0 = Lanes.broadcast(0);
    ShortVector table1 = load(tables, table, 1);
    FloatVector sum1 = Lanes.broadcast(0);
    FloatVector other1 = Lanes.broadcast(0);
    for (int block = 0; block < blocks; block += 2) {
      int first = block * stride;
      int second = first + secondStep(block, blocks, stride);
      int t = block * Lanes.BLOCK;
      FloatVector weights0 = Lanes.load(weights, t);
      FloatVector weights1 = Lanes.load(weights, t + Lanes.COUNT);
      FloatVector weights2 = Lanes.load(weights, t + 2 * Lanes.COUNT);
      FloatVector weights3 = Lanes.load(weights, t + 3 * Lanes.COUNT);
      long bits0of0 = plane(words, first + plane0, second + plane0);
      long bits0of1 = plane(words, first + plane0 + 1, second + plane0 + 1);
      long bits0of2 = plane(words, first + plane0 + 2, second + plane0 + 2);
      long bits0of3 = plane(words, first + plane0 + 3, second + plane0 + 3);
      long bits0of4 = plane(words, first + plane0 + 4, second + plane0 + 4);
      ByteVector bytes0 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits0of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits0of1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits0of2))
              .add(PLACE3, VectorMask.fromLong(BYTES, bits0of3))
              .add(PLACE4, VectorMask.fromLong(BYTES, bits0of4));
      ShortVector code0 = bytes0.reinterpretAsShorts();
      IntVector even0 = code0.and(LOW_BYTES).selectFrom(table0).reinterpretAsInts();
      IntVector odd0 =
          code0.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table0).reinterpretAsInts();
      sum0 =
          even0
              .lanewise(VectorOperators.LSHL, Short.SIZE)
              .reinterpretAsFloats()
              .fma(weights0, sum0);
      other0 = even0.and(HIGH_HALVES).reinterpretAsFloats().fma(weights1, other0);
      sum0 =
          odd0.lanewise(VectorOperators.LSHL, Short.SIZE).reinterpretAsFloats().fma(weights2, sum0);
      other0 = odd0.and(HIGH_HALVES).reinterpretAsFloats().fma(weights3, other0);
      long bits1of0 = plane(words, first + plane1, second + plane1);
      long bits1of1 = plane(words, first + plane1 + 1, second + plane1 + 1);
      long bits1of2 = plane(words, first + plane1 + 2, second + plane1 + 2);
      long bits1of3 = plane(words, first + plane1 + 3, second + plane1 + 3);
      long bits1of4 = plane(words, first + plane1 + 4, second + plane1 + 4);
      ByteVector bytes1 =
          ZERO.blend(PLACE0, VectorMask.fromLong(BYTES, bits1of0))
              .add(PLACE1, VectorMask.fromLong(BYTES, bits1of1))
              .add(PLACE2, VectorMask.fromLong(BYTES, bits1of2))
              .add(PLACE3, VectorMask.fromLong(BYTES, bits1of3))
              .add(PLACE4, VectorMask.fromLong(BYTES, bits1of4));
      ShortVector code1 = bytes1.reinterpretAsShorts();
      IntVector even1 = code1.and(LOW_BYTES).selectFrom(table1).reinterpretAsInts();
      IntVector odd1 =
          code1.lanewise(VectorOperators.LSHR, Byte.SIZE).selectFrom(table1).reinterpretAsInts();
      sum1 =
          even1
              .lanewise(VectorOperators.LSHL, Short.SIZE)
              .reinterpretAsFloats()
              .fma(weights0, sum1);
      other1 = even1.and(HIGH_HALVES).reinterpretAsFloats().fma(weights1, other1);
      sum1 =
          odd1.lanewise(VectorOperators.LSHL, Short.SIZE).reinterpretAsFloats().fma(weights2, sum1);
      other1 = odd1.and(HIGH_HALVES).reinterpretAsFloats().fma(weights3, other1);
    }
    sum0.add(other0).intoArray(weights, sums + 0 * Lanes.COUNT);
    sum1.add(other1).intoArray(weights, sums + 1 * Lanes.COUNT);
  }
}
