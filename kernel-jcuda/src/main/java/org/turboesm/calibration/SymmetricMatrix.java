package org.turboesm.calibration;

import java.util.Arrays;
import java.util.Comparator;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.IntStream;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.EigenDecomposition_F64;

/** Eigenproblems of symmetric matrices [n, n], and products around them. */
final class SymmetricMatrix {
  private SymmetricMatrix() {}

  /**
   * Eigenvalues in descending order and their vectors.
   *
   * @param values [n]
   * @param vectors [n][n], a vector a row
   */
  record Eigen(double[] values, double[][] vectors) {}

  static Eigen eigen(double[][] matrix) {
    int n = matrix.length;
    EigenDecomposition_F64<DMatrixRMaj> solver = DecompositionFactory_DDRM.eig(n, true, true);
    if (!solver.decompose(new DMatrixRMaj(matrix))) {
      throw new IllegalStateException(
          "the eigenproblem of a " + n + " x " + n + " moment matrix did not converge");
    }
    int[] order =
        IntStream.range(0, n)
            .boxed()
            .sorted(
                Comparator.comparingDouble((Integer i) -> solver.getEigenvalue(i).getReal())
                    .reversed())
            .mapToInt(Integer::intValue)
            .toArray();
    double[] values = new double[n];
    double[][] vectors = new double[n][];
    for (int i = 0; i < n; i++) {
      values[i] = solver.getEigenvalue(order[i]).getReal();
      vectors[i] = solver.getEigenVector(order[i]).getData().clone();
    }
    return new Eigen(values, vectors);
  }

  /** Q f(L) Q^T for the eigenvalues L of a matrix. */
  static double[][] apply(Eigen eigen, DoubleUnaryOperator f) {
    int n = eigen.values.length;
    double[][] result = new double[n][n];
    for (int e = 0; e < n; e++) {
      double value = f.applyAsDouble(eigen.values[e]);
      double[] vector = eigen.vectors[e];
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
          result[i][j] += value * vector[i] * vector[j];
        }
      }
    }
    return result;
  }

  static double[][] multiply(double[][] a, double[][] b) {
    int rows = a.length;
    int inner = b.length;
    int columns = b[0].length;
    double[][] product = new double[rows][columns];
    for (int i = 0; i < rows; i++) {
      for (int k = 0; k < inner; k++) {
        for (int j = 0; j < columns; j++) {
          product[i][j] += a[i][k] * b[k][j];
        }
      }
    }
    return product;
  }

  static double[][] transpose(double[][] a) {
    double[][] transposed = new double[a[0].length][a.length];
    for (int i = 0; i < a.length; i++) {
      for (int j = 0; j < a[0].length; j++) {
        transposed[j][i] = a[i][j];
      }
    }
    return transposed;
  }

  static double[][] identity(int n) {
    double[][] identity = new double[n][n];
    for (int i = 0; i < n; i++) {
      identity[i][i] = 1;
    }
    return identity;
  }

  static double[][] scaled(double[][] a, double factor) {
    double[][] scaled = new double[a.length][];
    for (int i = 0; i < a.length; i++) {
      scaled[i] = Arrays.stream(a[i]).map(value -> value * factor).toArray();
    }
    return scaled;
  }

  /** The matrix with its off-diagonal elements made smaller by a share of themselves. */
  static double[][] shrunk(double[][] a, double share) {
    double[][] shrunk = scaled(a, 1 - share);
    for (int i = 0; i < a.length; i++) {
      shrunk[i][i] = a[i][i];
    }
    return shrunk;
  }

  static double trace(double[][] a) {
    double trace = 0;
    for (int i = 0; i < a.length; i++) {
      trace += a[i][i];
    }
    return trace;
  }

  /** E[x x^T] - m m^T. */
  static double[][] covariance(double[][] moment, double[] mean) {
    int n = mean.length;
    double[][] covariance = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        covariance[i][j] = moment[i][j] - mean[i] * mean[j];
      }
    }
    return covariance;
  }
}
