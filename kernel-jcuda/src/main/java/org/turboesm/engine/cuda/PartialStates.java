package org.turboesm.engine.cuda;

import org.turboesm.cuda.DevicePointer;

/**
 * The attention states of the parts that decode splits a sequence into, in base 2 (see {@code
 * full_decode.cu}).
 *
 * @param splits parts of each row and head
 * @param outputs floats, [rows, heads, splits, headDim]: o
 * @param states pairs of floats, [rows, heads, splits, 2]: m and d
 */
record PartialStates(int splits, DevicePointer outputs, DevicePointer states) {

  /** Bytes of {@link #outputs}. */
  static long outputBytes(int rows, int heads, int splits, int headDim) {
    return (long) rows * heads * splits * headDim * Float.BYTES;
  }

  /** Bytes of {@link #states}. */
  static long stateBytes(int rows, int heads, int splits) {
    return (long) rows * heads * splits * 2 * Float.BYTES;
  }
}
