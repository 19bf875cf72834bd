package org.turboesm.attention.vector;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import org.turboesm.kv.Codebook;

/** Quantizes a block to plane words, and reads it back. */
final class BlockCodec {
  private static final int BLOCK = Lanes.BLOCK;

  private BlockCodec() {}

  static void pack(
      float[] channels, int offset, int tokens, Codebook codebook, int[] words, int wordsOffset) {
    int present = tokens == BLOCK ? -1 : (1 << tokens) - 1;
    int plane = wordsOffset;
    for (int c = 0; c < codebook.headDim(); c++) {
      int bits = codebook.bits(c);
      Arrays.fill(words, plane, plane + bits, 0);
      for (int v = 0; v < Lanes.VECTORS_PER_BLOCK && bits > 0; v++) {
        FloatVector x = Lanes.load(channels, offset + c * BLOCK + v * Lanes.COUNT);
        IntVector code = code(x, codebook.thresholds(), codebook.offset(c), (1 << bits) - 1);
        addPlanes(code, Lanes.tokenBits(v), bits, words, plane);
      }
      for (int p = 0; p < bits; p++) {
        words[plane + p] &= present;
      }
      plane += bits;
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

  private static void addPlanes(
      IntVector code, IntVector tokenBits, int bits, int[] words, int plane) {
    for (int p = 0; p < bits; p++) {
      IntVector bit = code.lanewise(VectorOperators.LSHR, p).and(1).neg().and(tokenBits);
      words[plane + p] |= bit.reduceLanes(VectorOperators.OR);
    }
  }

  static void unpack(int[] words, int wordsOffset, Codebook codebook, float[] channels) {
    IntVector laneNumbers = TableLookup.laneNumbers();
    float[] centroids = codebook.centroids();
    int plane = wordsOffset;
    for (int c = 0; c < codebook.headDim(); c++) {
      int bits = codebook.bits(c);
      int table = codebook.offset(c);
      int[] wideTable =
          bits > TableLookup.MAX_BLENDED_BITS
              ? TableLookup.tableBits(centroids, table, bits, 1f)
              : null;
      for (int v = 0; v < Lanes.VECTORS_PER_BLOCK; v++) {
        FloatVector x =
            switch (bits) {
              case 0 -> Lanes.broadcast(centroids[table]);
              case 1 -> oneBit(words, plane, v, centroids, table);
              case 2 -> twoBits(words, plane, v, centroids, table);
              case 3 -> threeBits(words, plane, v, centroids, table);
              default ->
                  TableLookup.manyBits(words, plane, bits, v * Lanes.COUNT, laneNumbers, wideTable);
            };
        x.intoArray(channels, c * BLOCK + v * Lanes.COUNT);
      }
      plane += bits;
    }
  }

  private static FloatVector oneBit(int[] words, int plane, int v, float[] centroids, int table) {
    return TableLookup.oneBit(
        words[plane],
        Lanes.tokenBits(v),
        TableLookup.entry(centroids, table),
        TableLookup.entry(centroids, table + 1));
  }

  private static FloatVector twoBits(int[] words, int plane, int v, float[] centroids, int table) {
    return TableLookup.twoBits(
        words[plane],
        words[plane + 1],
        Lanes.tokenBits(v),
        TableLookup.entry(centroids, table),
        TableLookup.entry(centroids, table + 1),
        TableLookup.entry(centroids, table + 2),
        TableLookup.entry(centroids, table + 3));
  }

  private static FloatVector threeBits(
      int[] words, int plane, int v, float[] centroids, int table) {
    return TableLookup.threeBits(
        words[plane],
        words[plane + 1],
        words[plane + 2],
        Lanes.tokenBits(v),
        TableLookup.entry(centroids, table),
        TableLookup.entry(centroids, table + 1),
        TableLookup.entry(centroids, table + 2),
        TableLookup.entry(centroids, table + 3),
        TableLookup.entry(centroids, table + 4),
        TableLookup.entry(centroids, table + 5),
        TableLookup.entry(centroids, table + 6),
        TableLookup.entry(centroids, table + 7));
  }
}
