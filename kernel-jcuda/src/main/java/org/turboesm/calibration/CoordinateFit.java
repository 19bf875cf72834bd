package org.turboesm.calibration;

import java.util.Arrays;
import org.turboesm.kv.AffineMap;

/**
 * Coordinates in which a head's vectors are quantized: x to M (x - mean), the map of the vectors
 * that meet them, and each channel's standard deviation.
 *
 * @param forward M, [headDim, headDim]
 * @param inverse M^-1, [headDim, headDim]
 * @param mean [headDim]
 * @param scales [headDim]
 */
record CoordinateFit(double[][] forward, double[][] inverse, double[] mean, float[] scales) {
  /** Eigenvalues of a weight below this share of the largest are raised to it. */
  private static final double FLOOR = 1e-6;

  /** Weights below this are none, since their inverse roots must fit a float. */
  static final double NOTHING = 1e-30;

  /**
   * A channel that never varies has this share of the largest scale, so that it can be divided by.
   */
  private static final float SCALE_FLOOR = 1e-6f;

  /**
   * Coordinates in which the plain squared error is the error weighted by {@code weight}, e^T W e:
   * with R = W^1/2 and the eigenvectors U of R C R, M = U^T R. Its channels are uncorrelated, so
   * that bits can be allotted to them one by one.
   *
   * @param weight W, E[q q^T] for keys and W_o^T W_o for values
   * @param covariance C of the vectors
   */
  static CoordinateFit weighted(double[][] weight, double[][] covariance, double[] mean) {
    SymmetricMatrix.Eigen eigen = SymmetricMatrix.eigen(weight);
    if (!(eigen.values()[0] > NOTHING)) {
      // Errors cost nothing in any direction: any coordinates will do.
      return weighted(SymmetricMatrix.identity(mean.length), covariance, mean);
    }
    double floor = eigen.values()[0] * FLOOR;
    double[][] root = SymmetricMatrix.apply(eigen, value -> Math.sqrt(Math.max(value, floor)));
    double[][] inverseRoot =
        SymmetricMatrix.apply(eigen, value -> 1 / Math.sqrt(Math.max(value, floor)));
    SymmetricMatrix.Eigen principal =
        SymmetricMatrix.eigen(
            SymmetricMatrix.multiply(SymmetricMatrix.multiply(root, covariance), root));
    double[][] rotation = principal.vectors();
    return new CoordinateFit(
        SymmetricMatrix.multiply(rotation, root),
        SymmetricMatrix.multiply(inverseRoot, SymmetricMatrix.transpose(rotation)),
        mean,
        scales(principal.values()));
  }

  /**
   * Orthonormal coordinates times a factor: a rotation M / factor.
   *
   * @param rotation [headDim, headDim], orthonormal rows
   * @param moment E[(x - mean) (x - mean)^T]
   * @param oneScale whether all channels have one scale, that of their mean variance
   */
  static CoordinateFit rotated(
      double[][] rotation, double factor, double[][] moment, double[] mean, boolean oneScale) {
    int size = moment.length;
    double[][] rotated =
        SymmetricMatrix.multiply(
            SymmetricMatrix.multiply(rotation, moment), SymmetricMatrix.transpose(rotation));
    double[] variances = new double[size];
    Arrays.setAll(
        variances,
        c -> factor * factor * (oneScale ? SymmetricMatrix.trace(moment) / size : rotated[c][c]));
    return new CoordinateFit(
        SymmetricMatrix.scaled(rotation, factor),
        SymmetricMatrix.scaled(SymmetricMatrix.transpose(rotation), 1 / factor),
        mean,
        scales(variances));
  }

  /** The same coordinates, all channels measured in the scale of their mean variance. */
  CoordinateFit withOneScale() {
    double sum = 0;
    for (float scale : scales) {
      sum += (double) scale * scale;
    }
    float[] one = new float[scales.length];
    Arrays.fill(one, (float) Math.sqrt(sum / one.length));
    return new CoordinateFit(forward, inverse, mean, one);
  }

  private static float[] scales(double[] variances) {
    float[] scales = new float[variances.length];
    double largest = 0;
    for (double variance : variances) {
      largest = Math.max(largest, variance);
    }
    float floor = Math.max((float) Math.sqrt(largest) * SCALE_FLOOR, Float.MIN_NORMAL);
    for (int i = 0; i < scales.length; i++) {
      scales[i] = Math.max((float) Math.sqrt(Math.max(0, variances[i])), floor);
    }
    return scales;
  }

  /** x to M (x - mean). */
  AffineMap map() {
    double[] bias = new double[mean.length];
    for (int i = 0; i < bias.length; i++) {
      for (int j = 0; j < bias.length; j++) {
        bias[i] -= forward[i][j] * mean[j];
      }
    }
    return AffineMap.of(forward, bias);
  }

  /** y to M^-T y: what meets x in a dot product. */
  AffineMap dual() {
    return AffineMap.of(SymmetricMatrix.transpose(inverse), new double[mean.length]);
  }

  /** y to M^-1 y + mean: the way back. */
  AffineMap back() {
    return AffineMap.of(inverse, mean);
  }
}
