package org.turboesm.kv;

import java.util.Arrays;

/**
 * A scale for each token's values: their largest magnitude, rounded up to bfloat16, so that what is
 * divided by it lies within [-1, 1]. Zeros have scale 0; they are coded as they are, and whatever
 * their codes stand for, times 0 it is 0 again. A NaN among the values makes its token's scale NaN.
 */
final class ValueScales {
  private static final int BLOCK = PackedKvLayout.BLOCK_TOKENS;

  /** Scales behind the last block, so that a kernel may read two blocks at a time. */
  private static final int PADDING = BLOCK;

  private final int headDim;
  private short[] scales;

  /**
   * @param capacity tokens to make room for; more are taken too
   */
  ValueScales(int headDim, int capacity) {
    this.headDim = headDim;
    this.scales = new short[size(capacity)];
  }

  private static int size(int tokens) {
    return PackedKvLayout.blocks(tokens) * BLOCK + PADDING;
  }

  /** [blocks, 32] and 32 more, bfloat16; 0 where no token is. Grows, so ask anew after a token. */
  short[] bfloat16() {
    return scales;
  }

  /** The scale of one token. */
  float at(int token) {
    return widen(scales[token]);
  }

  /**
   * Takes one token's scale and returns its values divided by it, [headDim].
   *
   * @param values [headDim] from {@code offset} on
   */
  float[] divide(int token, float[] values, int offset) {
    makeRoom(token + 1);
    float largest = 0;
    for (int c = 0; c < headDim; c++) {
      largest = Math.max(largest, Math.abs(values[offset + c]));
    }
    float divisor = take(token, largest);
    float[] divided = new float[headDim];
    for (int c = 0; c < headDim; c++) {
      divided[c] = values[offset + c] / divisor;
    }
    return divided;
  }

  /**
   * Takes the scales of one block's tokens and returns their values divided by them, [headDim, 32].
   *
   * @param channels [headDim, 32]; lanes beyond {@code tokens} hold anything
   */
  float[] divideBlock(int firstToken, float[] channels, int tokens) {
    makeRoom(firstToken + tokens);
    float[] divisors = new float[tokens];
    for (int c = 0; c < headDim; c++) {
      for (int t = 0; t < tokens; t++) {
        divisors[t] = Math.max(divisors[t], Math.abs(channels[c * BLOCK + t]));
      }
    }
    for (int t = 0; t < tokens; t++) {
      divisors[t] = take(firstToken + t, divisors[t]);
    }
    float[] divided = new float[headDim * BLOCK];
    for (int c = 0; c < headDim; c++) {
      for (int t = 0; t < tokens; t++) {
        divided[c * BLOCK + t] = channels[c * BLOCK + t] / divisors[t];
      }
    }
    return divided;
  }

  private void makeRoom(int tokens) {
    if (size(tokens) > scales.length) {
      scales = Arrays.copyOf(scales, Math.max(2 * scales.length, size(tokens)));
    }
  }

  /** Keeps the scale of a token and returns what to divide its values by. */
  private float take(int token, float largest) {
    scales[token] = roundUp(largest);
    return largest == 0 ? 1 : at(token);
  }

  /**
   * The least bfloat16 that is not below a value from 0 on: the bits of such floats ascend with
   * them. Beyond the largest one it is infinity.
   */
  static short roundUp(float magnitude) {
    return (short) (Float.floatToIntBits(magnitude) + 0xFFFF >>> Short.SIZE);
  }

  private static float widen(short bfloat16) {
    return Float.intBitsToFloat(bfloat16 << Short.SIZE);
  }
}
