package org.turboesm.kv;

import java.util.Arrays;

/**
 * The packed format of one head's keys and values: the one place that knows where a bit lies.
 *
 * <pre>
 * block      = 32 tokens = wordsPerBlock() ints
 * words      = key planes of channel 0, key planes of channel 1, ..., value planes of channel 0, ...
 * plane p    = one int; its bit t is bit p of the code of the block's token t
 * bits/token = sum(keyBits) + sum(valueBits), without padding at any width and any headDim
 * </pre>
 *
 * Where values are scaled by token, a token's scale takes 16 bits more, in an array beside the
 * blocks' words.
 *
 * <p>With headDim 64, three key bits, the sign's bit and three value bits a channel, a token takes
 * 64 * (3 + 1 + 3) / 8 = 56 bytes a head.
 */
public final class PackedKvLayout {
  /** Tokens in a block: the bits of a plane word. */
  public static final int BLOCK_TOKENS = 32;

  /** Codes are at most eight bits wide. */
  public static final int MAX_BITS = 8;

  private final int keyPlanes;
  private final int valuePlanes;
  private final int scaleBits;

  /**
   * @param keyBits [headDim], the width of each key channel's code, 0 to 8
   * @param valueBits [headDim], the same of the values
   * @param tokenScaledValues whether each token's values carry a scale of their own
   */
  public PackedKvLayout(int[] keyBits, int[] valueBits, boolean tokenScaledValues) {
    if (keyBits.length != valueBits.length) {
      throw new IllegalArgumentException("keys and values differ in headDim");
    }
    this.keyPlanes = planes(keyBits);
    this.valuePlanes = planes(valueBits);
    this.scaleBits = tokenScaledValues ? Short.SIZE : 0;
  }

  private static int planes(int[] bits) {
    for (int width : bits) {
      if (width < 0 || width > MAX_BITS) {
        throw new IllegalArgumentException("a code of " + width + " bits; 0 to 8 are possible");
      }
    }
    return Arrays.stream(bits).sum();
  }

  /** Ints of one block, keys and values; scales are none of them. */
  public int wordsPerBlock() {
    return keyPlanes + valuePlanes;
  }

  /** Where the value planes start in a block; the key planes start at 0. */
  public int valueWordsOffset() {
    return keyPlanes;
  }

  /** Bits that one token takes, keys and values of this head and the values' scale. */
  public int packedBitsPerToken() {
    return keyPlanes + valuePlanes + scaleBits;
  }

  /** Blocks that hold {@code tokens} tokens, the last one perhaps partly filled. */
  public static int blocks(int tokens) {
    return (tokens + BLOCK_TOKENS - 1) / BLOCK_TOKENS;
  }

  /**
   * Bytes of all blocks that {@code tokens} tokens need, and of a scale for each of their slots.
   */
  public long packedBytes(int tokens) {
    return (long) blocks(tokens) * BLOCK_TOKENS * packedBitsPerToken() / Byte.SIZE;
  }
}
