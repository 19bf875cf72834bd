package org.turboesm.attention;

import org.turboesm.kv.AffineMap;
import org.turboesm.kv.BlockPacker;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.FullKvBlocks;
import org.turboesm.kv.PackedKvBlocks;

/**
 * The kernels of attention and of the packed cache. Implementations know planes and tables, not
 * codecs; they hold no state of a call and may be shared by threads. One contract test runs them
 * all: codes equal the reference's exactly, floats within a derived limit.
 */
public interface AttentionKernels extends BlockPacker, AutoCloseable {

  /** {@code reference} or {@code vector}, with what else tells it apart. */
  String name();

  /**
   * Bidirectional attention of a ragged batch, each sequence among its own tokens.
   *
   * @param cuSeqlens [sequences + 1]
   * @param queries [tokens, heads, headDim], scaled
   * @param keys [tokens, heads, headDim]
   * @param values [tokens, heads, headDim]
   * @param output [tokens, heads, headDim], overwritten
   */
  void prefill(
      int heads,
      int headDim,
      int[] cuSeqlens,
      float[] queries,
      float[] keys,
      float[] values,
      float[] output);

  /**
   * Adds the attention of one query over a full-precision cache.
   *
   * @param query [headDim] from {@code queryOffset} on, scaled
   */
  void decode(float[] query, int queryOffset, FullKvBlocks cache, AttentionState state);

  /**
   * Adds the attention of one query over the packed blocks of a cache, without its tail.
   *
   * @param query [headDim] from {@code queryOffset} on, scaled and transformed by A^-T
   */
  void decodePacked(float[] query, int queryOffset, PackedKvBlocks cache, AttentionState state);

  /** Adds the attention of one query over a packed cache, its tail too. */
  default void decode(float[] query, int queryOffset, PackedKvBlocks cache, AttentionState state) {
    decodePacked(query, queryOffset, cache, state);
    if (cache.tail() != null) {
      decode(query, queryOffset, cache.tail(), state);
    }
  }

  /**
   * Maps one head's vector; the two must not overlap.
   *
   * @param y [headDim], overwritten from {@code yOffset} on
   */
  void map(AffineMap map, float[] x, int xOffset, float[] y, int yOffset);

  /**
   * Maps the vector of one head of every token.
   *
   * @param x [tokens, heads, headDim]
   * @param y [tokens, heads, headDim]; not {@code x}
   */
  default void mapHead(AffineMap map, float[] x, int tokens, int heads, int head, float[] y) {
    for (int t = 0; t < tokens; t++) {
      int offset = (t * heads + head) * map.size();
      map(map, x, offset, y, offset);
    }
  }

  /**
   * Reads one block back: the centroid of every code, not multiplied by any token's scale.
   *
   * @param words the planes of a block's keys or values, from {@code wordsOffset} on
   * @param channels [headDim, 32], overwritten
   */
  void unpack(int[] words, int wordsOffset, Codebook codebook, float[] channels);

  /** Frees what the kernels hold outside of the Java heap; most hold nothing. */
  @Override
  default void close() {}
}
