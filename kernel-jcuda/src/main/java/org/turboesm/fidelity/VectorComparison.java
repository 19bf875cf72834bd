package org.turboesm.fidelity;

import org.turboesm.engine.RowErrors;

/** Collects how far vectors are from their references, one row at a time. */
final class VectorComparison {
  private final int size;
  private final DoubleSamples cosines = new DoubleSamples();
  private long rowsOfErrors;
  private double squaredError;
  private double squaredReference;

  VectorComparison(int size) {
    this.size = size;
  }

  /** Adds the cosine of one row; rows of zeros count as equal to zeros and unlike all else. */
  void addCosine(float[] reference, float[] actual, int offset) {
    cosines.add(cosine(reference, actual, offset, size));
  }

  /** Adds the squared error and the squared length of one row. */
  void addError(float[] reference, float[] actual, int offset) {
    rowsOfErrors++;
    for (int c = 0; c < size; c++) {
      double expected = reference[offset + c];
      double error = actual[offset + c] - expected;
      squaredError += error * error;
      squaredReference += expected * expected;
    }
  }

  /** Adds the squared error and the squared length of one row, which are known. */
  void addError(RowErrors errors, int row) {
    rowsOfErrors++;
    squaredError += errors.squaredError()[row];
    squaredReference += errors.squaredReference()[row];
  }

  /** Mean over rows. */
  double meanCosine() {
    return cosines.mean();
  }

  /** The first percentile over rows, nearest rank. */
  double firstPercentileCosine() {
    return cosines.percentile(0.01);
  }

  double minimumCosine() {
    return cosines.percentile(0);
  }

  /** Squared length of all reference rows together. */
  double squaredReference() {
    return squaredReference;
  }

  /** Squared error over squared length, of all rows together; NaN where there are none. */
  double nmse() {
    if (rowsOfErrors == 0) {
      return Double.NaN;
    }
    return squaredError == 0 ? 0 : squaredError / squaredReference;
  }

  static double cosine(float[] a, float[] b, int offset, int size) {
    double dot = 0;
    double aa = 0;
    double bb = 0;
    for (int c = offset; c < offset + size; c++) {
      dot += (double) a[c] * b[c];
      aa += (double) a[c] * a[c];
      bb += (double) b[c] * b[c];
    }
    if (aa == 0 || bb == 0) {
      return aa == bb ? 1 : 0;
    }
    return dot / Math.sqrt(aa * bb);
  }
}
