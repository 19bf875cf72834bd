package org.turboesm.engine;

import org.turboesm.attention.AttentionState;

/** The caches of a decode session's sequences, packed or in full precision. */
interface SessionCaches {

  /**
   * Appends tokens of one sequence to the cache of one layer, all heads.
   *
   * @param keys [tokens, heads, headDim] from token {@code firstToken} on
   * @param values as the keys
   */
  void append(int sequence, int layer, float[] keys, float[] values, int firstToken, int tokens);

  /**
   * Attention of one token over one sequence's cache, all heads.
   *
   * @param queries [tokens, heads, headDim]
   * @param state of headDim, used as scratch
   * @param output [tokens, heads, headDim]; the row of {@code token} is overwritten
   */
  void attend(
      int sequence, int layer, float[] queries, int token, AttentionState state, float[] output);

  /** Tokens that one sequence's cache holds; asked between passes, when all layers agree. */
  int length(int sequence);

  long bytes(int sequence);
}
