package org.turboesm.calibration;

import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/** The eight-bit float format E4M3 (Micikevicius et al. 2022): 448 is its largest number. */
final class Float8 {
  private static final double LARGEST = 448;
  private static final int EXPONENT_BIAS = 7;

  private Float8() {}

  /**
   * All its numbers, scaled so that the largest becomes {@code largest}. Zero has two codes, and
   * the two codes of NaN stand for the smallest and the largest number once more, so that there are
   * 256.
   */
  static ScalarQuantizer quantizer(double largest) {
    double scale = largest / LARGEST;
    double[] magnitudes =
        IntStream.range(0, 128)
            .mapToDouble(code -> scale * magnitude(Math.min(code, 126)))
            .toArray();
    return ScalarQuantizer.nearest(
        DoubleStream.concat(DoubleStream.of(magnitudes).map(m -> -m), DoubleStream.of(magnitudes))
            .sorted()
            .toArray());
  }

  private static double magnitude(int code) {
    int exponent = code >> 3;
    int mantissa = code & 7;
    return exponent == 0
        ? Math.scalb(mantissa / 8.0, 1 - EXPONENT_BIAS)
        : Math.scalb(1 + mantissa / 8.0, exponent - EXPONENT_BIAS);
  }
}
