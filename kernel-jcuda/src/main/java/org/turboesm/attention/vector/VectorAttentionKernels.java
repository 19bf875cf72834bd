package org.turboesm.attention.vector;

import org.turboesm.attention.AttentionKernels;
import org.turboesm.attention.AttentionState;
import org.turboesm.kv.AffineMap;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.FullKvBlocks;
import org.turboesm.kv.PackedKvBlocks;

/** Kernels in the Java Vector API, at the machine's width. */
public class VectorAttentionKernels implements AttentionKernels {
  private static final PackedDecodeKernel PACKED_DECODE = PackedDecodeKernel.ofThisMachine();

  @Override
  public String name() {
    return "vector, " + Lanes.FLOATS.vectorBitSize() + " bits, " + PACKED_DECODE.name();
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
    int maxLength = 0;
    for (int s = 0; s + 1 < cuSeqlens.length; s++) {
      maxLength = Math.max(maxLength, cuSeqlens[s + 1] - cuSeqlens[s]);
    }
    PrefillKernel kernel = new PrefillKernel(heads, headDim, maxLength);
    for (int s = 0; s + 1 < cuSeqlens.length; s++) {
      for (int h = 0; h < heads; h++) {
        kernel.attend(
            cuSeqlens[s], cuSeqlens[s + 1] - cuSeqlens[s], h, queries, keys, values, output);
      }
    }
  }

  @Override
  public void decode(float[] query, int queryOffset, FullKvBlocks cache, AttentionState state) {
    FullDecodeKernel.decode(query, queryOffset, cache, state);
  }

  @Override
  public void decodePacked(
      float[] query, int queryOffset, PackedKvBlocks cache, AttentionState state) {
    PACKED_DECODE.decode(query, queryOffset, cache, state);
  }

  @Override
  public void pack(
      float[] channels, int offset, int tokens, Codebook codebook, int[] words, int wordsOffset) {
    BlockCodec.pack(channels, offset, tokens, codebook, words, wordsOffset, new byte[Lanes.BLOCK]);
  }

  @Override
  public void unpack(int[] words, int wordsOffset, Codebook codebook, float[] channels) {
    BlockCodec.unpack(words, wordsOffset, codebook, channels);
  }

  @Override
  public void map(AffineMap map, float[] x, int xOffset, float[] y, int yOffset) {
    MapKernel.map(map, x, xOffset, y, yOffset);
  }
}
