package org.turboesm.kv;

/** Codes to bit planes and back, one channel of one block at a time: the plain reference. */
public final class BitPlanes {
  private BitPlanes() {}

  /**
   * Packs the codes of one channel.
   *
   * @param codes the block's codes, at most 32, each below 2^bits; missing tokens become zeros
   * @param words overwritten from {@code offset} on, {@code bits} words
   */
  public static void pack(int[] codes, int tokens, int bits, int[] words, int offset) {
    for (int plane = 0; plane < bits; plane++) {
      int word = 0;
      for (int t = 0; t < tokens; t++) {
        word |= (codes[t] >>> plane & 1) << t;
      }
      words[offset + plane] = word;
    }
  }

  /** Adds one token's code to a block in which its bits are still zero. */
  public static void put(int code, int token, int bits, int[] words, int offset) {
    for (int plane = 0; plane < bits; plane++) {
      words[offset + plane] |= (code >>> plane & 1) << token;
    }
  }

  /** The code of one token. */
  public static int code(int[] words, int offset, int bits, int token) {
    int code = 0;
    for (int plane = 0; plane < bits; plane++) {
      code |= (words[offset + plane] >>> token & 1) << plane;
    }
    return code;
  }
}
