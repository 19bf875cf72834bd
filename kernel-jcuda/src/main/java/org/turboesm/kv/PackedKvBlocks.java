package org.turboesm.kv;

import java.util.Arrays;

/**
 * Keys and values of one sequence, layer and head, packed in blocks of 32 tokens as {@link
 * PackedKvLayout} says, and the full-precision tail of the tokens that do not fill a block yet. All
 * vectors are in the codec's transformed coordinates.
 */
public final class PackedKvBlocks {
  private static final int BLOCK = PackedKvLayout.BLOCK_TOKENS;

  /** Words behind the last block, so that a kernel may read the widest code from any channel on. */
  private static final int PADDING = PackedKvLayout.MAX_BITS;

  private final HeadCodec codec;
  private final PackedKvLayout layout;
  private final FullKvBlocks tail;
  private int[] words;
  private int packedLength;

  /**
   * @param capacity tokens to make room for; more are taken too
   * @param withTail whether an unfilled block waits in full precision
   */
  public PackedKvBlocks(HeadCodec codec, int capacity, boolean withTail) {
    this.codec = codec;
    this.layout = codec.layout();
    this.tail = withTail ? new FullKvBlocks(codec.headDim(), BLOCK) : null;
    this.words = new int[PackedKvLayout.blocks(capacity) * layout.wordsPerBlock() + PADDING];
  }

  /** Appends one token's transformed key and value, and packs the tail when it fills. */
  public void append(
      float[] key, int keyOffset, float[] value, int valueOffset, BlockPacker packer) {
    if (tail == null) {
      put(key, keyOffset, value, valueOffset);
      return;
    }
    tail.append(key, keyOffset, value, valueOffset);
    if (tail.length() == BLOCK) {
      appendBlock(tail.keys(), tail.values(), BLOCK, packer);
      tail.clear();
    }
  }

  /**
   * Appends a block at once; only the last one may hold fewer than 32 tokens.
   *
   * @param keys [headDim, 32]
   * @param values [headDim, 32]
   */
  public void appendBlock(float[] keys, float[] values, int tokens, BlockPacker packer) {
    if (packedLength % BLOCK != 0) {
      throw new IllegalStateException("the last block is partly filled");
    }
    int offset = openBlock();
    packer.pack(keys, 0, tokens, codec.keyCodebook(), words, offset);
    packer.pack(
        values, 0, tokens, codec.valueCodebook(), words, offset + layout.valueWordsOffset());
    packedLength += tokens;
  }

  private void put(float[] key, int keyOffset, float[] value, int valueOffset) {
    int offset = openBlock();
    putChannels(codec.keyCodebook(), key, keyOffset, offset);
    putChannels(codec.valueCodebook(), value, valueOffset, offset + layout.valueWordsOffset());
    packedLength++;
  }

  private void putChannels(Codebook codebook, float[] x, int xOffset, int wordsOffset) {
    int offset = wordsOffset;
    for (int c = 0; c < codebook.headDim(); c++) {
      int code = codebook.code(c, x[xOffset + c]);
      BitPlanes.put(code, packedLength % BLOCK, codebook.bits(c), words, offset);
      offset += codebook.bits(c);
    }
  }

  /** Where the block of the next token starts, with room made for it. */
  private int openBlock() {
    int offset = packedLength / BLOCK * layout.wordsPerBlock();
    int end = offset + layout.wordsPerBlock() + PADDING;
    if (end > words.length) {
      words = Arrays.copyOf(words, Math.max(2 * words.length, end));
    }
    return offset;
  }

  public HeadCodec codec() {
    return codec;
  }

  public PackedKvLayout layout() {
    return layout;
  }

  /** Tokens in packed blocks, without the tail. */
  public int packedLength() {
    return packedLength;
  }

  /** All tokens, the tail's too. */
  public int length() {
    return packedLength + (tail == null ? 0 : tail.length());
  }

  /** [blocks, wordsPerBlock] and eight words more; grows, so ask anew after an append. */
  public int[] words() {
    return words;
  }

  /** The tokens that wait in full precision; null where the codec has no tail. */
  public FullKvBlocks tail() {
    return tail;
  }

  /** Bytes of the packed blocks in use and of the tail's tokens. */
  public long bytes() {
    long tailFloats = tail == null ? 0 : 2L * tail.length() * codec.headDim();
    return layout.packedBytes(packedLength) + tailFloats * Float.BYTES;
  }
}
