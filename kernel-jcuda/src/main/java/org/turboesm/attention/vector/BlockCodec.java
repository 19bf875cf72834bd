package org.turboesm.attention.vector;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import org.turboesm.kv.Codebook;

/** Quantizes a block to plane words, and reads it back. */
final class BlockCodec {
  private static final int BLOCK = Lanes.BLOCK;

  /** A byte a lane; there are no vectors of 32 bits. */
  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(
          byte.class, VectorShape.forBitSize(Math.max(64, Lanes.FLOATS.vectorBitSize() / 4)));

  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private static final long LOWEST_BITS = 0x0101010101010101L;

  /** Moves bit 0 of byte i to bit 56 + i: bit 7 (8 - i) is set for each i. */
  private static final long GATHER_BITS = 0x0102040810204080L;

  private BlockCodec() {}

  /**
   * Packs a block.
   *
   * @param codes scratch, [32]
   */
  static void pack(
      float[] channels,
      int offset,
      int tokens,
      Codebook codebook,
      int[] words,
      int wordsOffset,
      byte[] codes) {
    int present = tokens == BLOCK ? -1 : (1 << tokens) - 1;
    int plane = wordsOffset;
    for (int c = 0; c < codebook.headDim(); c++) {
      int bits = codebook.bits(c);
      if (bits > 0) {
        for (int v = 0; v < BLOCK; v += Lanes.COUNT) {
          FloatVector x = Lanes.load(channels, offset + c * BLOCK + v);
          storeCodes(code(x, codebook.thresholds(), codebook.offset(c), (1 << bits) - 1), codes, v);
        }
        putPlanes(codes, bits, present, words, plane);
        plane += bits;
      }
    }
  }

  /** The number of thresholds below each lane's value. */
  private static IntVector code(FloatVector x, float[] thresholds, int offset, int count) {
    FloatVector zero = Lanes.broadcast(0);
    FloatVector one = Lanes.broadcast(Float.intBitsToFloat(1));
    IntVector code = IntVector.zero(Lanes.INTS);
    for (int i = 0; i < count; i++) {
      var above = x.compare(VectorOperators.GT, thresholds[offset + i]);
      code = code.add(zero.blend(one, above).reinterpretAsInts());
    }
    return code;
  }

  private static void storeCodes(IntVector code, byte[] codes, int offset) {
    if (BYTES.length() == Lanes.COUNT) {
      ((ByteVector) code.convertShape(VectorOperators.I2B, BYTES, 0)).intoArray(codes, offset);
    } else {
      for (int lane = 0; lane < Lanes.COUNT; lane++) {
        codes[offset + lane] = (byte) code.lane(lane);
      }
    }
  }

  /**
   * Gathers bit p of eight codes at a time by a multiplication, which adds the bits up in place.
   */
  private static void putPlanes(byte[] codes, int bits, int present, int[] words, int plane) {
    long codes0 = (long) LONGS.get(codes, 0);
    long codes1 = (long) LONGS.get(codes, 8);
    long codes2 = (long) LONGS.get(codes, 16);
    long codes3 = (long) LONGS.get(codes, 24);
    for (int p = 0; p < bits; p++) {
      int word =
          bitOfEach(codes0, p)
              | bitOfEach(codes1, p) << 8
              | bitOfEach(codes2, p) << 16
              | bitOfEach(codes3, p) << 24;
      words[plane + p] = word & present;
    }
  }

  /** Bit p of each of eight bytes, the first byte's lowest. */
  private static int bitOfEach(long bytes, int p) {
    return (int) ((bytes >>> p & LOWEST_BITS) * GATHER_BITS >>> 56);
  }

  static void unpack(int[] words, int wordsOffset, Codebook codebook, float[] channels) {
    int plane = wordsOffset;
    for (int c = 0; c < codebook.headDim(); c++) {
      int bits = codebook.bits(c);
      for (int v = 0; v < BLOCK; v += Lanes.COUNT) {
        TableLookup.lookUp(
                words, plane, bits, Lanes.tokens(v), codebook.centroids(), codebook.offset(c))
            .intoArray(channels, c * BLOCK + v);
      }
      plane += bits;
    }
  }
}
