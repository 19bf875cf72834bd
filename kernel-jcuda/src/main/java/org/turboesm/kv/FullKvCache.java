package org.turboesm.kv;

/** The full-precision cache of one sequence: what the packed one is measured against. */
public final class FullKvCache {
  private final FullKvBlocks[][] blocks;

  /**
   * @param capacity tokens to make room for; more are taken too
   */
  public FullKvCache(int layers, int heads, int headDim, int capacity) {
    blocks = new FullKvBlocks[layers][heads];
    for (FullKvBlocks[] layer : blocks) {
      for (int h = 0; h < heads; h++) {
        layer[h] = new FullKvBlocks(headDim, capacity);
      }
    }
  }

  public FullKvBlocks blocks(int layer, int head) {
    return blocks[layer][head];
  }

  /** Tokens held. */
  public int length() {
    return blocks[0][0].length();
  }

  /** Bytes of the keys and values held, as floats. */
  public long bytes() {
    FullKvBlocks any = blocks[0][0];
    return 2L * blocks.length * blocks[0].length * any.length() * any.headDim() * Float.BYTES;
  }
}
