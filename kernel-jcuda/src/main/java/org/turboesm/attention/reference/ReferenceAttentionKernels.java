package org.turboesm.attention.reference;

import org.turboesm.attention.AttentionKernels;
import org.turboesm.attention.AttentionState;
import org.turboesm.kv.AffineMap;
import org.turboesm.kv.BitPlanes;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.FullKvBlocks;
import org.turboesm.kv.PackedKvBlocks;
import org.turboesm.kv.PackedKvLayout;

/** Plain loops that accumulate in double: the oracle of the other kernels. */
public final class ReferenceAttentionKernels implements AttentionKernels {
  private static final int BLOCK = PackedKvLayout.BLOCK_TOKENS;

  @Override
  public String name() {
    return "reference";
  }

  @Override
  public void prefill(
      int heads,
      int headDim,
      int[] cuSeqlens,
      float[] queries,
      float[] keys,
      float[] values,
      float[] output) {
    for (int s = 0; s + 1 < cuSeqlens.length; s++) {
      for (int t = cuSeqlens[s]; t < cuSeqlens[s + 1]; t++) {
        for (int h = 0; h < heads; h++) {
          attend(
              heads, headDim, cuSeqlens[s], cuSeqlens[s + 1], t, h, queries, keys, values, output);
        }
      }
    }
  }

  private static void attend(
      int heads,
      int headDim,
      int start,
      int end,
      int token,
      int head,
      float[] queries,
      float[] keys,
      float[] values,
      float[] output) {
    int query = (token * heads + head) * headDim;
    double[] logits = new double[end - start];
    for (int j = start; j < end; j++) {
      int key = (j * heads + head) * headDim;
      for (int c = 0; c < headDim; c++) {
        logits[j - start] += (double) queries[query + c] * keys[key + c];
      }
    }
    double max = max(logits);
    double denominator = 0;
    double[] sum = new double[headDim];
    for (int j = start; j < end; j++) {
      double weight = Math.exp(logits[j - start] - max);
      denominator += weight;
      int value = (j * heads + head) * headDim;
      for (int c = 0; c < headDim; c++) {
        sum[c] += weight * values[value + c];
      }
    }
    for (int c = 0; c < headDim; c++) {
      output[query + c] = (float) (sum[c] / denominator);
    }
  }

  @Override
  public void decode(float[] query, int queryOffset, FullKvBlocks cache, AttentionState state) {
    accumulate(
        query,
        queryOffset,
        cache.headDim(),
        cache.length(),
        (token, channel) -> cache.keys()[lane(token, channel, cache.headDim())],
        (token, channel) -> cache.values()[lane(token, channel, cache.headDim())],
        state);
  }

  @Override
  public void decodePacked(
      float[] query, int queryOffset, PackedKvBlocks cache, AttentionState state) {
    Codebook keyCodebook = cache.codec().keyCodebook();
    Codebook valueCodebook = cache.codec().valueCodebook();
    Element values = reader(cache, valueCodebook, cache.layout().valueWordsOffset());
    accumulate(
        query,
        queryOffset,
        cache.codec().headDim(),
        cache.packedLength(),
        reader(cache, keyCodebook, 0),
        (token, channel) -> values.at(token, channel) * cache.valueScale(token),
        state);
  }

  @FunctionalInterface
  private interface Element {
    double at(int token, int channel);
  }

  private static Element reader(PackedKvBlocks cache, Codebook codebook, int offsetInBlock) {
    int[] planeOffsets = planeOffsets(codebook);
    int wordsPerBlock = cache.layout().wordsPerBlock();
    return (token, channel) -> {
      int offset = token / BLOCK * wordsPerBlock + offsetInBlock + planeOffsets[channel];
      int code = BitPlanes.code(cache.words(), offset, codebook.bits(channel), token % BLOCK);
      return codebook.centroid(channel, code);
    };
  }

  private static void accumulate(
      float[] query,
      int queryOffset,
      int headDim,
      int length,
      Element keys,
      Element values,
      AttentionState state) {
    if (length == 0) {
      return;
    }
    double[] logits = new double[length];
    for (int t = 0; t < length; t++) {
      for (int c = 0; c < headDim; c++) {
        logits[t] += query[queryOffset + c] * keys.at(t, c);
      }
    }
    double max = state.raiseMax((float) max(logits));
    double denominator = 0;
    double[] sum = new double[headDim];
    for (int t = 0; t < length; t++) {
      double weight = Math.exp(logits[t] - max);
      denominator += weight;
      for (int c = 0; c < headDim; c++) {
        sum[c] += weight * values.at(t, c);
      }
    }
    state.addDenominator((float) denominator);
    for (int c = 0; c < headDim; c++) {
      state.output()[c] += (float) sum[c];
    }
  }

  @Override
  public void pack(
      float[] channels, int offset, int tokens, Codebook codebook, int[] words, int wordsOffset) {
    int[] codes = new int[BLOCK];
    int plane = wordsOffset;
    for (int c = 0; c < codebook.headDim(); c++) {
      for (int t = 0; t < tokens; t++) {
        codes[t] = codebook.code(c, channels[offset + c * BLOCK + t]);
      }
      BitPlanes.pack(codes, tokens, codebook.bits(c), words, plane);
      plane += codebook.bits(c);
    }
  }

  @Override
  public void unpack(int[] words, int wordsOffset, Codebook codebook, float[] channels) {
    int plane = wordsOffset;
    for (int c = 0; c < codebook.headDim(); c++) {
      for (int t = 0; t < BLOCK; t++) {
        int code = BitPlanes.code(words, plane, codebook.bits(c), t);
        channels[c * BLOCK + t] = codebook.centroid(c, code);
      }
      plane += codebook.bits(c);
    }
  }

  @Override
  public void map(AffineMap map, float[] x, int xOffset, float[] y, int yOffset) {
    map.apply(x, xOffset, y, yOffset);
  }

  private static int[] planeOffsets(Codebook codebook) {
    int[] offsets = new int[codebook.headDim()];
    for (int c = 1; c < offsets.length; c++) {
      offsets[c] = offsets[c - 1] + codebook.bits(c - 1);
    }
    return offsets;
  }

  private static int lane(int token, int channel, int headDim) {
    return (token / BLOCK * headDim + channel) * BLOCK + token % BLOCK;
  }

  private static double max(double[] values) {
    double max = Double.NEGATIVE_INFINITY;
    for (double value : values) {
      max = Math.max(max, value);
    }
    return max;
  }
}
