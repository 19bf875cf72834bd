package org.turboesm.esm2;

/**
 * How a forward pass attends: over the batch itself in full precision, through a packed cache, or
 * to a cache that outlives the call. The pass is the same around it.
 */
@FunctionalInterface
public interface SelfAttention {

  /**
   * Attention of one layer, all heads.
   *
   * @param queries [tokens, heads, headDim], scaled by headDim^-0.5 and rotated
   * @param keys [tokens, heads, headDim], rotated
   * @param values [tokens, heads, headDim]
   * @param output [tokens, heads, headDim], overwritten
   */
  void attend(int layer, float[] queries, float[] keys, float[] values, float[] output);
}
