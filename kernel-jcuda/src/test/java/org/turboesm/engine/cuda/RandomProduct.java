package org.turboesm.engine.cuda;

import java.util.SplittableRandom;
import org.turboesm.attention.vector.Bfloat16;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.engine.Precision;

/**
 * A random product of a linear layer.
 *
 * @param values [rows, columns], dequantized, without bias, in double
 * @param bias [columns]
 * @param onDevice the same
 */
record RandomProduct(Precision precision, double[] values, float[] bias, Product onDevice) {
  /** Half a unit in the last place of 1. */
  private static final double U = 0x1p-24;

  /** Sums of some 1000 products of bytes. */
  private static final int LARGEST_SUM = 1 << 20;

  /**
   * Normally distributed values; in int8, evenly distributed sums under random scales, of about the
   * same size.
   */
  static RandomProduct of(
      TestDevice device,
      Precision precision,
      int rows,
      int columns,
      double size,
      SplittableRandom random) {
    float[] bias = RandomRows.normal(random, columns, 0, size);
    if (precision == Precision.INT8) {
      return quantized(device, rows, columns, size, bias, random);
    }
    float[] values = RandomRows.normal(random, rows * columns, 0, size);
    DeviceBuffer buffer;
    if (precision == Precision.BF16) {
      short[] rounded = new short[values.length];
      for (int i = 0; i < values.length; i++) {
        rounded[i] = Bfloat16.round(values[i]);
        values[i] = Float.intBitsToFloat(rounded[i] << 16);
      }
      buffer = device.upload(rounded);
    } else {
      buffer = device.upload(values);
    }
    double[] exact = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      exact[i] = values[i];
    }
    return new RandomProduct(
        precision, exact, bias, new Product(buffer, null, null, device.upload(bias)));
  }

  private static RandomProduct quantized(
      TestDevice device,
      int rows,
      int columns,
      double size,
      float[] bias,
      SplittableRandom random) {
    int[] sums = new int[rows * columns];
    for (int i = 0; i < sums.length; i++) {
      sums[i] = random.nextInt(-LARGEST_SUM, LARGEST_SUM + 1);
    }
    double step = Math.sqrt(3) * size / LARGEST_SUM;
    float[] rowScales = RandomRows.uniform(random, rows, 0.5 * step, 1.5 * step);
    float[] columnScales = RandomRows.uniform(random, columns, 0.5, 1.5);
    double[] values = new double[sums.length];
    for (int i = 0; i < sums.length; i++) {
      values[i] = (double) sums[i] * rowScales[i / columns] * columnScales[i % columns];
    }
    return new RandomProduct(
        Precision.INT8,
        values,
        bias,
        new Product(
            device.upload(sums),
            device.upload(rowScales),
            device.upload(columnScales),
            device.upload(bias)));
  }

  private int column(int index) {
    return index % bias.length;
  }

  /** Value and bias. */
  double sum(int index) {
    return values[index] + bias[column(index)];
  }

  /**
   * How far the float sum may be off: in int8 two roundings of the value, one for each scale (sums
   * of less than 2^24 are floats), and that of the addition.
   */
  double sumLimit(int index) {
    double value = precision == Precision.INT8 ? 2.01 * U * Math.abs(values[index]) : 0;
    return value + U * (Math.abs(sum(index)) + value);
  }
}
