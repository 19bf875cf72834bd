package org.turboesm.attention.vector;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import org.turboesm.attention.AttentionState;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.PackedKvBlocks;
import org.turboesm.kv.PackedKvLayout;

/**
 * Decode at any width, tokens as lanes of ints and floats. Keys are looked up in a table that is
 * already multiplied by the query, so that a logit is a sum of look-ups; values are looked up and
 * weighted. Channel by channel, so that a channel's table stays in the nearest cache over all
 * blocks.
 */
final class IntLaneDecode implements PackedDecodeKernel {

  @Override
  public String name() {
    return "codes as ints";
  }

  @Override
  public void decode(float[] query, int queryOffset, PackedKvBlocks cache, AttentionState state) {
    if (cache.packedLength() > 0) {
      new Pass(cache).decode(query, queryOffset, cache, state);
    }
  }

  private static final class Pass {
    private static final int BLOCK = Lanes.BLOCK;

    private final int[] words;
    private final int wordsPerBlock;
    private final int padded;
    private final float[] partialSum = new float[Lanes.COUNT];
    private final float[] scratch = new float[Lanes.COUNT];

    private Pass(PackedKvBlocks cache) {
      this.words = cache.words();
      this.wordsPerBlock = cache.layout().wordsPerBlock();
      this.padded = Lanes.roundUp(cache.packedLength(), BLOCK);
    }

    void decode(float[] query, int queryOffset, PackedKvBlocks cache, AttentionState state) {
      int length = cache.packedLength();
      float[] weights = new float[padded];
      addLogits(query, queryOffset, cache.codec().keyCodebook(), weights);
      float max = state.raiseMax(Softmax.maxAndPad(weights, 0, length, padded));
      float sum = Softmax.exponentials(weights, 0, padded, max);
      state.addDenominator(sum);
      short[] scales = cache.valueScales();
      float scaledSum = scales == null ? sum : TokenScales.multiply(scales, weights, padded);
      addValues(
          weights,
          scaledSum,
          cache.codec().valueCodebook(),
          cache.layout().valueWordsOffset(),
          state.output());
    }

    private void addLogits(float[] query, int queryOffset, Codebook codebook, float[] logits) {
      float[] products = new float[1 << PackedKvLayout.MAX_BITS];
      float constant = 0;
      int plane = 0;
      for (int c = 0; c < codebook.headDim(); c++) {
        int bits = codebook.bits(c);
        float q = query[queryOffset + c];
        if (bits == 0) {
          constant += q * codebook.centroid(c, 0);
        } else {
          for (int code = 0; code < 1 << bits; code++) {
            products[code] = q * codebook.centroid(c, code);
          }
          addChannel(plane, bits, products, logits);
        }
        plane += bits;
      }
      for (int t = 0; t < padded; t += Lanes.COUNT) {
        Lanes.load(logits, t).add(constant).intoArray(logits, t);
      }
    }

    private void addChannel(int plane, int bits, float[] products, float[] logits) {
      for (int v = 0; v < BLOCK; v += Lanes.COUNT) {
        IntVector tokens = Lanes.tokens(v);
        int word = plane;
        for (int t = v; t < padded; t += BLOCK, word += wordsPerBlock) {
          Lanes.load(logits, t)
              .add(TableLookup.lookUp(words, word, bits, tokens, products, 0))
              .intoArray(logits, t);
        }
      }
    }

    private void addValues(
        float[] weights, float sum, Codebook codebook, int firstPlane, float[] output) {
      int plane = firstPlane;
      for (int c = 0; c < codebook.headDim(); c++) {
        int bits = codebook.bits(c);
        output[c] +=
            bits == 0
                ? sum * codebook.centroid(c, 0)
                : weightedSum(plane, bits, codebook.centroids(), codebook.offset(c), weights);
        plane += bits;
      }
    }

    private float weightedSum(int plane, int bits, float[] table, int offset, float[] weights) {
      Arrays.fill(partialSum, 0);
      for (int v = 0; v < BLOCK; v += Lanes.COUNT) {
        addWeighted(plane, bits, table, offset, weights, v);
      }
      return Lanes.sum(Lanes.load(partialSum, 0), scratch);
    }

    /** A loop of its own, in which the compiler keeps the sum in a register. */
    private void addWeighted(
        int plane, int bits, float[] table, int offset, float[] weights, int firstToken) {
      IntVector tokens = Lanes.tokens(firstToken);
      FloatVector sum = Lanes.load(partialSum, 0);
      int word = plane;
      for (int t = firstToken; t < padded; t += BLOCK, word += wordsPerBlock) {
        sum =
            TableLookup.lookUp(words, word, bits, tokens, table, offset)
                .fma(Lanes.load(weights, t), sum);
      }
      sum.intoArray(partialSum, 0);
    }
  }
}
