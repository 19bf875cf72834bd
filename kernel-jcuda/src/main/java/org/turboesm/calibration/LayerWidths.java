package org.turboesm.calibration;

import java.io.Serializable;
import java.util.Arrays;

/**
 * The bits of each channel of one layer.
 *
 * @param keys [heads][headDim]
 * @param values [heads][headDim]
 */
public record LayerWidths(int[][] keys, int[][] values) implements Serializable {

  /** All keys of one width, and all values. */
  static LayerWidths equal(int heads, int headDim, int keyBits, int valueBits) {
    LayerWidths equal = new LayerWidths(new int[heads][headDim], new int[heads][headDim]);
    for (int h = 0; h < heads; h++) {
      Arrays.fill(equal.keys[h], keyBits);
      Arrays.fill(equal.values[h], valueBits);
    }
    return equal;
  }
}
