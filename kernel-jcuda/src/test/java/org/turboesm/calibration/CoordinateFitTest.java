package org.turboesm.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

class CoordinateFitTest {
  private static final int SIZE = 12;

  private final Random random = new Random(3);
  private final double[][] weight = positive();
  private final double[][] covariance = positive();
  private final double[] mean = random.doubles(SIZE).toArray();
  private final CoordinateFit fit = CoordinateFit.weighted(weight, covariance, mean);

  @Test
  void squaredErrorInItsCoordinatesIsTheWeightedError() {
    double[] error = random.doubles(SIZE, -1, 1).toArray();
    double[] transformed = times(fit.forward(), error);
    assertThat(dot(transformed, transformed))
        .isCloseTo(dot(error, times(weight, error)), within(1e-9));
  }

  @Test
  void channelsAreUncorrelatedWithTheStatedScales() {
    double[][] transformed =
        SymmetricMatrix.multiply(
            SymmetricMatrix.multiply(fit.forward(), covariance),
            SymmetricMatrix.transpose(fit.forward()));
    for (int i = 0; i < SIZE; i++) {
      for (int j = 0; j < SIZE; j++) {
        double expected = i == j ? fit.scales()[i] * fit.scales()[i] : 0;
        assertThat(transformed[i][j]).isCloseTo(expected, within(1e-5 * transformed[0][0]));
      }
    }
  }

  @Test
  void scalesDescend() {
    for (int i = 1; i < SIZE; i++) {
      assertThat(fit.scales()[i]).isLessThanOrEqualTo(fit.scales()[i - 1]);
    }
  }

  @Test
  void theDualKeepsDotProductsUpToTheMean() {
    float[] x = floats();
    float[] y = floats();
    float[] mappedX = new float[SIZE];
    float[] mappedY = new float[SIZE];
    fit.map().apply(x, 0, mappedX, 0);
    fit.dual().apply(y, 0, mappedY, 0);
    double expected = 0;
    double actual = 0;
    for (int i = 0; i < SIZE; i++) {
      expected += y[i] * (x[i] - mean[i]);
      actual += mappedY[i] * mappedX[i];
    }
    // Maps are rounded to float; their condition is below 100 with these matrices.
    assertThat(actual).isCloseTo(expected, within(100 * SIZE * 0x1p-23));
  }

  @Test
  void theWayBackUndoesTheMap() {
    float[] x = floats();
    float[] there = new float[SIZE];
    float[] back = new float[SIZE];
    fit.map().apply(x, 0, there, 0);
    fit.back().apply(there, 0, back, 0);
    for (int i = 0; i < SIZE; i++) {
      assertThat(back[i]).isCloseTo(x[i], within(1e-4f));
    }
  }

  @Test
  void aWeightWithoutAnyDirectionStillGivesFiniteMaps() {
    CoordinateFit degenerate =
        CoordinateFit.weighted(new double[SIZE][SIZE], new double[SIZE][SIZE], mean);
    for (float scale : degenerate.scales()) {
      assertThat(scale).isPositive();
    }
    for (float value : degenerate.dual().columns()) {
      assertThat(value).isFinite();
    }
    for (float value : degenerate.back().columns()) {
      assertThat(value).isFinite();
    }
  }

  @Test
  void rotationsKeepLengthsUpToTheirFactor() {
    double[][] rotation = SymmetricMatrix.eigen(covariance).vectors();
    CoordinateFit rotated = CoordinateFit.rotated(rotation, 3, covariance, mean, false);
    double[] error = random.doubles(SIZE, -1, 1).toArray();
    double[] transformed = times(rotated.forward(), error);
    assertThat(dot(transformed, transformed)).isCloseTo(9 * dot(error, error), within(1e-9));
  }

  @Test
  void rotatedChannelsHaveTheirOwnScalesOrOne() {
    double[][] rotation = SymmetricMatrix.eigen(covariance).vectors();
    float[] own = CoordinateFit.rotated(rotation, 3, covariance, mean, false).scales();
    float[] one = CoordinateFit.rotated(rotation, 3, covariance, mean, true).scales();
    double[] variances = SymmetricMatrix.eigen(covariance).values();
    double sum = 0;
    for (int c = 0; c < SIZE; c++) {
      assertThat((double) own[c]).isCloseTo(3 * Math.sqrt(variances[c]), within(1e-5));
      sum += variances[c];
    }
    assertThat((double) one[0]).isCloseTo(3 * Math.sqrt(sum / SIZE), within(1e-5));
    assertThat(one).containsOnly(one[0]);
  }

  @Test
  void oneScaleIsThatOfTheMeanVariance() {
    CoordinateFit one = fit.withOneScale();
    double sum = 0;
    for (float scale : fit.scales()) {
      sum += scale * scale;
    }
    assertThat(one.forward()).isEqualTo(fit.forward());
    assertThat((double) one.scales()[SIZE - 1]).isCloseTo(Math.sqrt(sum / SIZE), within(1e-5));
  }

  private double[][] positive() {
    double[][] factor = new double[SIZE][SIZE];
    for (double[] row : factor) {
      for (int j = 0; j < SIZE; j++) {
        row[j] = random.nextGaussian();
      }
    }
    double[][] product = SymmetricMatrix.multiply(factor, SymmetricMatrix.transpose(factor));
    for (int i = 0; i < SIZE; i++) {
      product[i][i] += 0.5;
    }
    return product;
  }

  private float[] floats() {
    float[] values = new float[SIZE];
    for (int i = 0; i < SIZE; i++) {
      values[i] = random.nextFloat();
    }
    return values;
  }

  private static double[] times(double[][] matrix, double[] vector) {
    double[] product = new double[vector.length];
    for (int i = 0; i < vector.length; i++) {
      product[i] = dot(matrix[i], vector);
    }
    return product;
  }

  private static double dot(double[] a, double[] b) {
    double dot = 0;
    for (int i = 0; i < a.length; i++) {
      dot += a[i] * b[i];
    }
    return dot;
  }
}
