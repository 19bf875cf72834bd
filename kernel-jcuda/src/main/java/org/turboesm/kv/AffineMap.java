package org.turboesm.kv;

import java.io.Serializable;
import java.util.Arrays;

/**
 * y = M x + b of one head's vectors.
 *
 * @param size headDim
 * @param columns [size, size], column by column: {@code columns[i * size + j]} is M[j][i]
 * @param bias [size]
 */
public record AffineMap(int size, float[] columns, float[] bias) implements Serializable {
  public AffineMap {
    if (columns.length != size * size || bias.length != size) {
      throw new IllegalArgumentException("a map of size " + size + " with other arrays");
    }
  }

  /**
   * Rounds a map that was fitted in double.
   *
   * @param matrix [size, size], row-major
   * @param bias [size]
   */
  public static AffineMap of(double[][] matrix, double[] bias) {
    int size = bias.length;
    float[] columns = new float[size * size];
    float[] floatBias = new float[size];
    for (int j = 0; j < size; j++) {
      floatBias[j] = (float) bias[j];
      for (int i = 0; i < size; i++) {
        columns[i * size + j] = (float) matrix[j][i];
      }
    }
    return new AffineMap(size, columns, floatBias);
  }

  public static AffineMap identity(int size) {
    float[] columns = new float[size * size];
    for (int i = 0; i < size; i++) {
      columns[i * size + i] = 1f;
    }
    return new AffineMap(size, columns, new float[size]);
  }

  /** M[row][column]. */
  public float at(int row, int column) {
    return columns[column * size + row];
  }

  /**
   * Maps one vector; the two must not overlap.
   *
   * @param y overwritten from {@code yOffset} on
   */
  public void apply(float[] x, int xOffset, float[] y, int yOffset) {
    System.arraycopy(bias, 0, y, yOffset, size);
    for (int i = 0; i < size; i++) {
      float xi = x[xOffset + i];
      int column = i * size;
      for (int j = 0; j < size; j++) {
        y[yOffset + j] += columns[column + j] * xi;
      }
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof AffineMap that
        && size == that.size
        && Arrays.equals(columns, that.columns)
        && Arrays.equals(bias, that.bias);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(columns) + Arrays.hashCode(bias);
  }

  @Override
  public String toString() {
    return "AffineMap[size=" + size + "]";
  }
}
