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
  private final ValueScales valueScales;
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
    this.valueScales =
        codec.tokenScaledValues() ? new ValueScales(codec.headDim(), capacity) : null;
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
    float[] coded =
        valueScales == null ? values : valueScales.divideBlock(packedLength, values, tokens);
    packer.pack(coded, 0, tokens, codec.valueCodebook(), words, offset + layout.valueWordsOffset());
    packedLength += tokens;
  }

  private void put(float[] key, int keyOffset, float[] value, int valueOffset) {
    int offset = openBlock();
    putChannels(codec.keyCodebook(), key, keyOffset, offset);
    int valueWords = offset + layout.valueWordsOffset();
    if (valueScales == null) {
      putChannels(codec.valueCodebook(), value, valueOffset, valueWords);
    } else {
      float[] coded = valueScales.divide(packedLength, value, valueOffset);
      putChannels(codec.valueCodebook(), coded, 0, valueWords);
    }
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

  /** What the centroids of a packed token's values are multiplied by; 1 where no scales are. */
  public float valueScale(int token) {
    return valueScales == null ? 1 : valueScales.at(token);
  }

  /**
   * The scales of the packed tokens' values, [blocks, 32] and 32 more, each the upper half of a
   * float (bfloat16) and 0 where no token is; grows, so ask anew after an append. Null where the
   * codec scales no values by token.
   */
  public short[] valueScales() {
    return valueScales == null ? null : valueScales.bfloat16();
  }

  /** The tokens that wait in full precision; null where the codec has no tail. */
  public FullKvBlocks tail() {
    return tail;
  }

  /** Bytes of the packed blocks in use, their scales too, and of the tail's tokens. */
  public long bytes() {
    long tailFloats = tail == null ? 0 : 2L * tail.length() * codec.headDim();
    return layout.packedBytes(packedLength) + tailFloats * Float.BYTES;
  }
}
