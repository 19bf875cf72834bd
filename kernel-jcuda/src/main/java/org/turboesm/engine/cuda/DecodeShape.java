package org.turboesm.engine.cuda;

import org.turboesm.kv.PackedKvLayout;

/**
 * How a decode step's attention is cut in parts that run side by side.
 *
 * @param rows of the step, padding too
 * @param packedSplits parts of a cache's blocks
 * @param blocksPerSplit blocks of 32 tokens in a part
 * @param tail whether a part more is the tail in full precision
 */
record DecodeShape(int rows, int heads, int packedSplits, int blocksPerSplit, boolean tail) {
  private static final int MAX_BLOCKS_PER_SPLIT =
      PackedDecodePlan.WARPS * PackedDecodePlan.MAX_BLOCKS_PER_WARP;

  /** Blocks of threads that a multiprocessor runs at once, and a few waves of them. */
  private static final int BLOCKS_PER_MULTIPROCESSOR = 12;

  /**
   * Cuts so that all multiprocessors have work, in parts no smaller than a block a warp: what a
   * part costs beside its words is the building of its tables.
   *
   * @param capacity tokens that the longest cache will hold
   */
  static DecodeShape of(int rows, int heads, int capacity, boolean tail, int multiprocessors) {
    int blocks = Math.max(1, PackedKvLayout.blocks(capacity));
    int wanted = Math.max(1, BLOCKS_PER_MULTIPROCESSOR * multiprocessors / (rows * heads));
    int blocksPerSplit = (blocks + wanted - 1) / wanted;
    blocksPerSplit =
        Math.min(MAX_BLOCKS_PER_SPLIT, Math.max(2 * PackedDecodePlan.WARPS, blocksPerSplit));
    return new DecodeShape(
        rows, heads, (blocks + blocksPerSplit - 1) / blocksPerSplit, blocksPerSplit, tail);
  }

  /** Partial states of each row and head. */
  int partials() {
    return packedSplits + (tail ? 1 : 0);
  }
}
