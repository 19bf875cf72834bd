package org.turboesm.kv;

import java.util.Arrays;

/**
 * Keys and values of one sequence, layer and head in full precision, in blocks of 32 tokens,
 * channel by channel: both are [blocks, headDim, 32]. A kernel's lanes are tokens, as in the packed
 * format.
 */
public final class FullKvBlocks {
  private static final int BLOCK = PackedKvLayout.BLOCK_TOKENS;

  private final int headDim;
  private float[] keys;
  private float[] values;
  private int length;

  /**
   * @param capacity tokens to make room for; more are taken too
   */
  public FullKvBlocks(int headDim, int capacity) {
    this.headDim = headDim;
    int floats = PackedKvLayout.blocks(Math.max(1, capacity)) * BLOCK * headDim;
    this.keys = new float[floats];
    this.values = new float[floats];
  }

  /** Appends the key and value of one token, each [headDim] at its offset. */
  public void append(float[] key, int keyOffset, float[] value, int valueOffset) {
    int block = length / BLOCK * BLOCK * headDim;
    if (block == keys.length) {
      keys = Arrays.copyOf(keys, 2 * keys.length);
      values = Arrays.copyOf(values, 2 * values.length);
    }
    int token = block + length % BLOCK;
    for (int c = 0; c < headDim; c++) {
      keys[token + c * BLOCK] = key[keyOffset + c];
      values[token + c * BLOCK] = value[valueOffset + c];
    }
    length++;
  }

  /** Forgets all tokens and keeps the room. */
  void clear() {
    length = 0;
  }

  public int headDim() {
    return headDim;
  }

  /** Tokens held. */
  public int length() {
    return length;
  }

  /** [blocks, headDim, 32]; lanes beyond the length hold anything finite. */
  public float[] keys() {
    return keys;
  }

  /** [blocks, headDim, 32]; lanes beyond the length hold anything finite. */
  public float[] values() {
    return values;
  }
}
