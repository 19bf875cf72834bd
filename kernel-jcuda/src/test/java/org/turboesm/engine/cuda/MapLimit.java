package org.turboesm.engine.cuda;

import org.turboesm.engine.Precision;
import org.turboesm.kv.AffineMap;

/**
 * y = M x + b in double, and how far a kernel's y may be off.
 *
 * <p>Sums of n = size products and a bias in float, in any order, fused or not: (n + 1) U (sum |M
 * x| + |b|), U = 2^-24, with 1% for second-order terms. On tensor cores M is the sum of two
 * bfloat16, off by 2^-8 of 2^-8 |M|; their 2 n products are exact, and each addition of a product,
 * whose inner alignment is the hardware's own and may cut bits instead of rounding, is given 2^-22
 * of all magnitudes.
 */
record MapLimit(AffineMap map, boolean onTensorCores) {
  private static final double U = 0x1p-24;

  /** The maps of whole blocks; the multiplication of single rows is in float everywhere. */
  static MapLimit ofBlocks(AffineMap map, Precision precision) {
    return new MapLimit(map, precision != Precision.F32);
  }

  double value(double[] x, int row) {
    double sum = map.bias()[row];
    for (int i = 0; i < map.size(); i++) {
      sum += map.at(row, i) * x[i];
    }
    return sum;
  }

  /**
   * @param inputLimits [size], how far x itself may be off
   */
  double limit(double[] x, double[] inputLimits, int row) {
    double ofInput = 0;
    double products = 0;
    for (int i = 0; i < map.size(); i++) {
      double magnitude = Math.abs(map.at(row, i));
      ofInput += magnitude * inputLimits[i];
      products += magnitude * (Math.abs(x[i]) + inputLimits[i]);
    }
    double all = products + Math.abs(map.bias()[row]);
    int size = map.size();
    double rounding =
        onTensorCores ? 0x1p-16 * products + (2 * size + 1) * 0x1p-22 * all : (size + 1) * U * all;
    return ofInput + 1.01 * rounding;
  }
}
