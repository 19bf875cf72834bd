package org.turboesm.kv;

/** Between a forward pass's order, [tokens, heads, headDim], and a block's, [headDim, 32]. */
public final class ChannelMajor {
  private static final int BLOCK = PackedKvLayout.BLOCK_TOKENS;

  private ChannelMajor() {}

  /**
   * Copies up to 32 tokens of one head into a block; lanes of missing tokens become zero.
   *
   * @param x [tokens, heads, headDim]
   * @param channels [headDim, 32], overwritten
   */
  public static void gather(
      float[] x, int firstToken, int tokens, int heads, int head, int headDim, float[] channels) {
    for (int t = 0; t < tokens; t++) {
      int offset = ((firstToken + t) * heads + head) * headDim;
      for (int c = 0; c < headDim; c++) {
        channels[c * BLOCK + t] = x[offset + c];
      }
    }
    for (int c = 0; c < headDim; c++) {
      for (int t = tokens; t < BLOCK; t++) {
        channels[c * BLOCK + t] = 0;
      }
    }
  }

  /** Copies up to 32 tokens of a block back to one head. */
  public static void scatter(
      float[] channels, int firstToken, int tokens, int heads, int head, int headDim, float[] x) {
    for (int t = 0; t < tokens; t++) {
      int offset = ((firstToken + t) * heads + head) * headDim;
      for (int c = 0; c < headDim; c++) {
        x[offset + c] = channels[c * BLOCK + t];
      }
    }
  }
}
