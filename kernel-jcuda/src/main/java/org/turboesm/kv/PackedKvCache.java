package org.turboesm.kv;

/** The packed cache of one sequence: blocks for each layer and head. */
public final class PackedKvCache {
  private final PackedKvBlocks[][] blocks;

  /**
   * @param capacity tokens to make room for; more are taken too
   */
  public PackedKvCache(KvCodec codec, int capacity) {
    blocks = new PackedKvBlocks[codec.layers()][];
    for (int l = 0; l < blocks.length; l++) {
      blocks[l] =
          codec.heads().get(l).stream()
              .map(head -> new PackedKvBlocks(head, capacity, codec.tail()))
              .toArray(PackedKvBlocks[]::new);
    }
  }

  public PackedKvBlocks blocks(int layer, int head) {
    return blocks[layer][head];
  }

  /** Tokens held, packed or in the tail. */
  public int length() {
    return blocks[0][0].length();
  }

  /** Bytes of all packed blocks and tails; the codec's tables are not counted. */
  public long bytes() {
    long bytes = 0;
    for (PackedKvBlocks[] layer : blocks) {
      for (PackedKvBlocks head : layer) {
        bytes += head.bytes();
      }
    }
    return bytes;
  }
}
