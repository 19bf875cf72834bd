package org.turboesm.engine.cuda;

import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.turboesm.attention.vector.Bfloat16;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.engine.Precision;

/**
 * A random product of queries, keys and values with its bias and a rotary table, and what they
 * should become, in double: plain loops over the definitions.
 */
final class RandomProjections {
  static final int QUERY = 0;
  static final int KEY = 1;
  static final int VALUE = 2;
  private static final int PARTS = 3;

  /** Half a unit in the last place of 1. */
  private static final double U = 0x1p-24;

  /** Sums of some 1000 products of bytes; all are floats. */
  private static final int LARGEST_SUM = 1 << 20;

  private final Precision precision;
  private final int rows;
  private final int heads;
  private final int headDim;
  private final double queryScale;
  private final double[] values;
  private final float[] bias;
  private final float[] cosines;
  private final float[] sines;
  private final int[] positions;
  private final Projections onDevice;

  /**
   * Values of about 1.
   *
   * @param positions [rows]
   * @param edit of the product before it is rounded to the precision's format, [rows, 3, heads,
   *     headDim]; in int8 what it holds are sums
   */
  RandomProjections(
      TestDevice device,
      Precision precision,
      int heads,
      int headDim,
      int[] positions,
      SplittableRandom random,
      Consumer<float[]> edit) {
    this.precision = precision;
    this.rows = positions.length;
    this.heads = heads;
    this.headDim = headDim;
    this.positions = positions;
    float scale = (float) (1 / Math.sqrt(headDim));
    this.queryScale = scale;
    int columns = PARTS * heads * headDim;
    bias = normal(random, columns, 0.5);
    // Values of the last head have no bias, so that a row of zeros has values of zero there.
    for (int c = 0; c < headDim; c++) {
      bias[columns - headDim + c] = 0;
    }
    int tablePositions = 1;
    for (int position : positions) {
      tablePositions = Math.max(tablePositions, position + 1);
    }
    cosines = new float[tablePositions * headDim / 2];
    sines = new float[cosines.length];
    for (int i = 0; i < cosines.length; i++) {
      double angle = random.nextDouble(2 * Math.PI);
      cosines[i] = (float) Math.cos(angle);
      sines[i] = (float) Math.sin(angle);
    }
    values = new double[rows * columns];
    Product product = product(device, columns, random, edit);
    onDevice = new Projections(product, device.upload(cosines), device.upload(sines), scale, heads);
  }

  private Product product(
      TestDevice device, int columns, SplittableRandom random, Consumer<float[]> edit) {
    if (precision == Precision.INT8) {
      return quantizedProduct(device, columns, random, edit);
    }
    float[] product = normal(random, values.length, 1);
    edit.accept(product);
    DeviceBuffer buffer;
    if (precision == Precision.BF16) {
      short[] rounded = new short[product.length];
      Bfloat16.round(product, 0, product.length, rounded, 0);
      Bfloat16.widen(rounded, 0, product.length, product, 0);
      buffer = device.upload(rounded);
    } else {
      buffer = device.upload(product);
    }
    for (int i = 0; i < values.length; i++) {
      values[i] = product[i];
    }
    return new Product(buffer, null, null, device.upload(bias));
  }

  private Product quantizedProduct(
      TestDevice device, int columns, SplittableRandom random, Consumer<float[]> edit) {
    float[] sums = new float[values.length];
    for (int i = 0; i < sums.length; i++) {
      sums[i] = random.nextInt(-LARGEST_SUM, LARGEST_SUM + 1);
    }
    edit.accept(sums);
    float[] rowScales = new float[rows];
    float[] columnScales = new float[columns];
    double step = Math.sqrt(3) / LARGEST_SUM;
    for (int r = 0; r < rows; r++) {
      rowScales[r] = (float) random.nextDouble(0.5 * step, 1.5 * step);
    }
    for (int c = 0; c < columns; c++) {
      columnScales[c] = (float) random.nextDouble(0.5, 1.5);
    }
    int[] integers = new int[sums.length];
    for (int i = 0; i < sums.length; i++) {
      integers[i] = (int) sums[i];
      values[i] = (double) integers[i] * rowScales[i / columns] * columnScales[i % columns];
    }
    return new Product(
        device.upload(integers),
        device.upload(rowScales),
        device.upload(columnScales),
        device.upload(bias));
  }

  Projections onDevice() {
    return onDevice;
  }

  int rows() {
    return rows;
  }

  private int column(int part, int head, int channel) {
    return (part * heads + head) * headDim + channel;
  }

  private int index(int row, int part, int head, int channel) {
    return row * PARTS * heads * headDim + column(part, head, channel);
  }

  private double biased(int row, int part, int head, int channel) {
    return values[index(row, part, head, channel)] + bias[column(part, head, channel)];
  }

  /**
   * How far the float of a biased value may be off: in int8 two roundings of the value, one for
   * each scale, and everywhere that of the addition.
   */
  private double biasedLimit(int row, int part, int head, int channel) {
    double value = Math.abs(values[index(row, part, head, channel)]);
    double limit = precision == Precision.INT8 ? 2.01 * U * value : 0;
    return limit + U * (Math.abs(biased(row, part, head, channel)) + limit);
  }

  /** The finished query, key or value. */
  double at(int row, int part, int head, int channel) {
    if (part == VALUE) {
      return biased(row, part, head, channel);
    }
    int half = headDim / 2;
    int i = channel % half;
    double cosine = cosines[positions[row] * half + i];
    double sine = sines[positions[row] * half + i];
    double low = biased(row, part, head, i);
    double high = biased(row, part, head, i + half);
    double rotated = channel < half ? low * cosine - high * sine : high * cosine + low * sine;
    return part == QUERY ? queryScale * rotated : rotated;
  }

  /**
   * How far the float of {@link #at} may be off: what the two biased values are off, and three
   * roundings of each product at most: of the scaled angle, the product and the sum.
   */
  double limit(int row, int part, int head, int channel) {
    if (part == VALUE) {
      return biasedLimit(row, part, head, channel);
    }
    int half = headDim / 2;
    int i = channel % half;
    double cosine = Math.abs(cosines[positions[row] * half + i]);
    double sine = Math.abs(sines[positions[row] * half + i]);
    double ofLow = channel < half ? cosine : sine;
    double ofHigh = channel < half ? sine : cosine;
    double lowLimit = biasedLimit(row, part, head, i);
    double highLimit = biasedLimit(row, part, head, i + half);
    double magnitude =
        ofLow * (Math.abs(biased(row, part, head, i)) + lowLimit)
            + ofHigh * (Math.abs(biased(row, part, head, i + half)) + highLimit);
    double limit = ofLow * lowLimit + ofHigh * highLimit + 3.01 * U * magnitude;
    return part == QUERY ? queryScale * limit : limit;
  }

  private static float[] normal(SplittableRandom random, int size, double deviation) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) (deviation * random.nextGaussian());
    }
    return values;
  }
}
