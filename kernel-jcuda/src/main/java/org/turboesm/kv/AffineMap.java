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
    int i = 0;
    for (; i + 1 < size; i += 2) {
      addTwoColumns(i * size, x[xOffset + i], x[xOffset + i + 1], y, yOffset);
    }
    for (; i < size; i++) {
      for (int j = 0; j < size; j++) {
        y[yOffset + j] += columns[i * size + j] * x[xOffset + i];
      }
    }
  }

  /** Two columns in one pass over y, which halves the traffic to it. */
  private void addTwoColumns(int column, float first, float second, float[] y, int yOffset) {
    for (int j = 0; j < size; j++) {
      y[yOffset + j] += columns[column + j] * first + columns[column + size + j] * second;
    }
  }

  /**
   * Maps the vector of one head of every token.
   *
   * @param x [tokens, heads, size]
   * @param y [tokens, heads, size]; not {@code x}
   */
  public void applyToHead(float[] x, int tokens, int heads, int head, float[] y) {
    for (int t = 0; t < tokens; t++) {
      int offset = (t * heads + head) * size;
      apply(x, offset, y, offset);
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
