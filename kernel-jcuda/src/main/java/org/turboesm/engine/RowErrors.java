package org.turboesm.engine;

/**
 * How far rows are from their references.
 *
 * @param squaredReference [rows], the squared length of each reference
 * @param squaredError [rows], the squared length of each difference
 */
public record RowErrors(double[] squaredReference, double[] squaredError) {

  /**
   * Compares rows.
   *
   * @param reference [rows, size]
   * @param actual [rows, size]
   */
  public static RowErrors of(float[] reference, float[] actual, int rows) {
    RowErrors errors = new RowErrors(new double[rows], new double[rows]);
    int size = reference.length / rows;
    for (int i = 0; i < rows * size; i++) {
      double expected = reference[i];
      double error = actual[i] - expected;
      errors.squaredReference[i / size] += expected * expected;
      errors.squaredError[i / size] += error * error;
    }
    return errors;
  }
}
