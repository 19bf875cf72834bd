package org.turboesm.engine;

import org.turboesm.attention.AttentionKernels;
import org.turboesm.esm2.SelfAttention;
import org.turboesm.kv.ChannelMajor;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;
import org.turboesm.kv.PackedKvBlocks;
import org.turboesm.kv.PackedKvLayout;

/**
 * Bidirectional attention whose keys and values are packed and read back, every token of them. One
 * read-back serves all queries of the sequence, so a pass costs little more than in full precision.
 */
public final class PackedSelfAttention implements SelfAttention {
  private static final int BLOCK = PackedKvLayout.BLOCK_TOKENS;

  private final AttentionKernels kernels;
  private final KvCodec codec;
  private final int[] cuSeqlens;
  private final boolean valuesAreTransformed;

  /**
   * @param cuSeqlens [sequences + 1]
   * @param valuesAreTransformed whether the value transform is folded into the weights; otherwise
   *     it is applied here, and its inverse to the output
   */
  public PackedSelfAttention(
      AttentionKernels kernels, KvCodec codec, int[] cuSeqlens, boolean valuesAreTransformed) {
    this.kernels = kernels;
    this.codec = codec;
    this.cuSeqlens = cuSeqlens;
    this.valuesAreTransformed = valuesAreTransformed;
  }

  @Override
  public void attend(int layer, float[] queries, float[] keys, float[] values, float[] output) {
    int heads = codec.heads().get(layer).size();
    int headDim = codec.head(layer, 0).headDim();
    int tokens = cuSeqlens[cuSeqlens.length - 1];
    float[] transformedQueries = new float[tokens * heads * headDim];
    float[] readKeys = new float[tokens * heads * headDim];
    float[] readValues = new float[tokens * heads * headDim];
    for (int h = 0; h < heads; h++) {
      HeadCodec head = codec.head(layer, h);
      kernels.mapHead(head.query(), queries, tokens, heads, h, transformedQueries);
      kernels.mapHead(head.key(), keys, tokens, heads, h, readKeys);
      if (valuesAreTransformed) {
        copyHead(values, tokens, heads, h, headDim, readValues);
      } else {
        kernels.mapHead(head.value(), values, tokens, heads, h, readValues);
      }
      packAndReadBack(head, heads, h, readKeys, readValues);
    }
    if (valuesAreTransformed) {
      kernels.prefill(heads, headDim, cuSeqlens, transformedQueries, readKeys, readValues, output);
    } else {
      float[] transformedOutput = new float[tokens * heads * headDim];
      kernels.prefill(
          heads, headDim, cuSeqlens, transformedQueries, readKeys, readValues, transformedOutput);
      for (int h = 0; h < heads; h++) {
        kernels.mapHead(codec.head(layer, h).output(), transformedOutput, tokens, heads, h, output);
      }
    }
  }

  /** Replaces one head's keys and values, in place, by what the packed cache holds of them. */
  private void packAndReadBack(HeadCodec head, int heads, int h, float[] keys, float[] values) {
    int headDim = head.headDim();
    float[] keyBlock = new float[headDim * BLOCK];
    float[] valueBlock = new float[headDim * BLOCK];
    for (int s = 0; s + 1 < cuSeqlens.length; s++) {
      int length = cuSeqlens[s + 1] - cuSeqlens[s];
      PackedKvBlocks packed = new PackedKvBlocks(head, length, false);
      for (int t = 0; t < length; t += BLOCK) {
        int count = Math.min(BLOCK, length - t);
        ChannelMajor.gather(keys, cuSeqlens[s] + t, count, heads, h, headDim, keyBlock);
        ChannelMajor.gather(values, cuSeqlens[s] + t, count, heads, h, headDim, valueBlock);
        packed.appendBlock(keyBlock, valueBlock, count, kernels);
      }
      int wordsPerBlock = packed.layout().wordsPerBlock();
      for (int t = 0; t < length; t += BLOCK) {
        int count = Math.min(BLOCK, length - t);
        int offset = t / BLOCK * wordsPerBlock;
        kernels.unpack(packed.words(), offset, head.keyCodebook(), keyBlock);
        kernels.unpack(
            packed.words(),
            offset + packed.layout().valueWordsOffset(),
            head.valueCodebook(),
            valueBlock);
        if (head.tokenScaledValues()) {
          scaleBack(packed, t, count, headDim, valueBlock);
        }
        ChannelMajor.scatter(keyBlock, cuSeqlens[s] + t, count, heads, h, headDim, keys);
        ChannelMajor.scatter(valueBlock, cuSeqlens[s] + t, count, heads, h, headDim, values);
      }
    }
  }

  private static void scaleBack(
      PackedKvBlocks packed, int firstToken, int tokens, int headDim, float[] channels) {
    for (int t = 0; t < tokens; t++) {
      float scale = packed.valueScale(firstToken + t);
      for (int c = 0; c < headDim; c++) {
        channels[c * BLOCK + t] *= scale;
      }
    }
  }

  private static void copyHead(
      float[] source, int tokens, int heads, int head, int headDim, float[] target) {
    for (int t = 0; t < tokens; t++) {
      int offset = (t * heads + head) * headDim;
      System.arraycopy(source, offset, target, offset, headDim);
    }
  }
}
