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
      for (int v = 0; v < BLOCK && bits > 0; v += Lanes.COUNT) {
        FloatVector x = Lanes.load(channels, offset + c * BLOCK + v);
        IntVector code = code(x, codebook.thresholds(), codebook.offset(c), (1 << bits) - 1);
        addPlanes(code, Lanes.tokens(v), bits, words, plane);
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
      IntVector code, IntVector tokens, int bits, int[] words, int plane) {
    for (int p = 0; p < bits; p++) {
      words[plane + p] |=
          code.lanewise(VectorOperators.LSHR, p)
              .and(1)
              .lanewise(VectorOperators.LSHL, tokens)
              .reduceLanes(VectorOperators.OR);
    }
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
