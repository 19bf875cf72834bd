package org.turboesm.kv;

/** Quantizes one block of one head's keys or values to bit planes. */
public interface BlockPacker {

  /**
   * Packs up to 32 tokens; bits of missing tokens become zero.
   *
   * @param channels [headDim, 32] from {@code offset} on, transformed values; lanes beyond {@code
   *     tokens} hold anything
   * @param words the planes of the block's keys or values, overwritten from {@code wordsOffset} on
   */
  void pack(
      float[] channels, int offset, int tokens, Codebook codebook, int[] words, int wordsOffset);
}
