package org.turboesm.attention.vector;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import org.turboesm.kv.Codebook;

/**
 * A channel's table as 16-bit entries: its centroids, less the middle of their range, in fixed
 * point or as bfloat16. As shorts it is vectors of 32 entries, repeated to fill one where it has
 * fewer. Split into bytes, it is the vectors of the entries' high bytes and then those of their low
 * bytes, 64 entries a vector, repeated likewise.
 */
final class EntryTable {
  /** Entries of a vector of shorts. */
  static final int SHORTS = 32;

  /** Entries of a vector of bytes. */
  static final int BYTES = 64;

  /** The widest code whose table is one vector of shorts. */
  static final int SHORTS_MAX_BITS = 5;

  /** Added, rounds to an integer, which then stands in the lowest bits. */
  private static final float ROUNDER = 0x1.8p23f;

  private static final ShortVector LOW_BYTES = ShortVector.broadcast(ShortVector.SPECIES_512, 0xFF);
  private static final ShortVector HIGH_BYTES =
      ShortVector.broadcast(ShortVector.SPECIES_512, (short) 0xFF00);

  /** Byte 2 i + j is entry 32 j + i. */
  private static final VectorShuffle<Byte> BYTE_ORDER =
      VectorShuffle.fromOp(ByteVector.SPECIES_512, e -> Short.BYTES * (e % SHORTS) + e / SHORTS);

  /** [bits, 32] where among shorts entry e mod 2^bits stands: 2 i + j is entry 16 j + i. */
  private static final short[] SHORT_ORDER = shortOrder();

  private EntryTable() {}

  private static short[] shortOrder() {
    short[] order = new short[(SHORTS_MAX_BITS + 1) * SHORTS];
    for (int i = 0; i < order.length; i++) {
      int entry = i % SHORTS % (1 << i / SHORTS);
      order[i] = (short) (Short.BYTES * (entry % Lanes.COUNT) + entry / Lanes.COUNT);
    }
    return order;
  }

  /** Shorts of the table of codes of this width. */
  static int shorts(int bits) {
    return Math.max(SHORTS, 1 << bits);
  }

  /** Bytes of the split table of codes of this width. */
  static int bytes(int bits) {
    return 2 * Math.max(BYTES, 1 << bits);
  }

  /** Entries {@code (centroid - middle) * scale}, rounded to integers. */
  static void fixedPoint(Codebook codebook, int channel, float scale, short[] table, int offset) {
    int bits = codebook.bits(channel);
    for (int e = 0; e < 1 << bits; e += SHORTS) {
      int low = codebook.offset(channel) + e;
      int high = bits < SHORTS_MAX_BITS ? low : low + Lanes.COUNT;
      store(
          fixedPoint(codebook, channel, low, scale),
          fixedPoint(codebook, channel, high, scale),
          bits,
          table,
          offset + e);
    }
  }

  /** Entries {@code centroid - middle} as bfloat16. */
  static void bfloat16(Codebook codebook, int channel, short[] table, int offset) {
    int bits = codebook.bits(channel);
    for (int e = 0; e < 1 << bits; e += SHORTS) {
      int low = codebook.offset(channel) + e;
      int high = bits < SHORTS_MAX_BITS ? low : low + Lanes.COUNT;
      store(
          bfloat16(codebook, channel, low),
          bfloat16(codebook, channel, high),
          bits,
          table,
          offset + e);
    }
  }

  private static void store(IntVector low, IntVector high, int bits, short[] table, int offset) {
    ShortVector packed =
        low.and(0xFFFF).or(high.lanewise(VectorOperators.LSHL, Short.SIZE)).reinterpretAsShorts();
    int order = Math.min(bits, SHORTS_MAX_BITS) * SHORTS;
    ShortVector.fromArray(ShortVector.SPECIES_512, SHORT_ORDER, order)
        .selectFrom(packed)
        .intoArray(table, offset);
  }

  /** Splits a table of shorts, from {@code offset} on, into bytes. */
  static void split(short[] table, int offset, int bits, byte[] split) {
    int lows = bytes(bits) / 2;
    int second = bits <= SHORTS_MAX_BITS ? 0 : SHORTS;
    for (int e = 0; e < lows; e += BYTES) {
      ShortVector a = ShortVector.fromArray(ShortVector.SPECIES_512, table, offset + e);
      ShortVector b = ShortVector.fromArray(ShortVector.SPECIES_512, table, offset + e + second);
      store(a.lanewise(VectorOperators.LSHR, Byte.SIZE).or(b.and(HIGH_BYTES)), split, e);
      store(a.and(LOW_BYTES).or(b.lanewise(VectorOperators.LSHL, Byte.SIZE)), split, lows + e);
    }
  }

  private static void store(ShortVector bytes, byte[] split, int offset) {
    bytes.reinterpretAsBytes().rearrange(BYTE_ORDER).intoArray(split, offset);
  }

  /** In the low 16 bits of each lane. */
  private static IntVector fixedPoint(Codebook codebook, int channel, int offset, float scale) {
    return centred(codebook, channel, offset)
        .fma(Lanes.broadcast(scale), Lanes.broadcast(ROUNDER))
        .reinterpretAsInts();
  }

  /** In the low 16 bits of each lane; to the nearest, ties to even. */
  private static IntVector bfloat16(Codebook codebook, int channel, int offset) {
    IntVector x = centred(codebook, channel, offset).reinterpretAsInts();
    IntVector odd = x.lanewise(VectorOperators.LSHR, Short.SIZE).and(1);
    return x.add(0x7FFF).add(odd).lanewise(VectorOperators.LSHR, Short.SIZE);
  }

  private static FloatVector centred(Codebook codebook, int channel, int offset) {
    return Lanes.load(codebook.centroids(), offset).sub(codebook.middle(channel));
  }
}
