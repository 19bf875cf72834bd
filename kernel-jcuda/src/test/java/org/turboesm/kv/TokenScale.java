package org.turboesm.kv;

/** The scale of one token's values by its definition, for tests. */
public final class TokenScale {
  private TokenScale() {}

  /**
   * The least number of eight significant bits that no magnitude exceeds.
   *
   * @param values [headDim] from {@code offset} on
   */
  public static float of(float[] values, int offset, int headDim) {
    float largest = 0;
    for (int c = 0; c < headDim; c++) {
      largest = Math.max(largest, Math.abs(values[offset + c]));
    }
    if (largest == 0) {
      return 0;
    }
    double unit = Math.scalb(1.0, Math.getExponent(largest) - 7);
    return (float) (Math.ceil(largest / unit) * unit);
  }
}
