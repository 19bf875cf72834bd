package org.turboesm.calibration;

import java.io.Serializable;
import java.util.Arrays;
import org.turboesm.TurboEsmException;

/**
 * Weights, weighted sums and weighted second moments of one layer's vectors, head by head. Sums are
 * exact: each protein's contribution is computed in double and rounded once, to a multiple of a
 * quantum, and sums of such multiples below 2^53 quanta are exact in double. So merging is
 * associative and commutative to the last bit.
 */
final class SecondMoments implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final double QUANTA = 0x1p52;

  private final int heads;
  private final int headDim;
  private final double quantum;
  private final long[] vectors;
  private final double[] weights;
  private final double[] sums;
  private final double[] products;

  /**
   * @param quantum a power of two, what contributions are rounded to
   */
  SecondMoments(int heads, int headDim, double quantum) {
    this.heads = heads;
    this.headDim = headDim;
    this.quantum = quantum;
    this.vectors = new long[heads];
    this.weights = new double[heads];
    this.sums = new double[heads * headDim];
    this.products = new double[heads * triangle()];
  }

  private int triangle() {
    return headDim * (headDim + 1) / 2;
  }

  /**
   * Adds one whole protein.
   *
   * @param x [tokens, heads, headDim]
   * @param tokenWeights [heads][tokens], none of them negative; null where all are one
   */
  void add(float[] x, int tokens, float[][] tokenWeights) {
    double[] protein = new double[triangle()];
    double[] sum = new double[headDim];
    double[] vector = new double[headDim];
    for (int h = 0; h < heads; h++) {
      Arrays.fill(protein, 0);
      Arrays.fill(sum, 0);
      double weight = 0;
      for (int t = 0; t < tokens; t++) {
        double w = tokenWeights == null ? 1 : tokenWeights[h][t];
        if (w != 0) {
          int offset = (t * heads + h) * headDim;
          for (int c = 0; c < headDim; c++) {
            vector[c] = x[offset + c];
            sum[c] += w * vector[c];
          }
          addOuterProduct(vector, w, protein);
          weight += w;
          vectors[h]++;
        }
      }
      weights[h] = exact(weights[h] + rounded(weight));
      addRounded(sum, sums, h * headDim);
      addRounded(protein, products, h * protein.length);
    }
  }

  /** Adds the lower triangle of w x x^T, row by row. */
  private static void addOuterProduct(double[] x, double w, double[] triangle) {
    int row = 0;
    for (int i = 0; i < x.length; i++) {
      double xi = w * x[i];
      for (int j = 0; j <= i; j++) {
        triangle[row + j] += xi * x[j];
      }
      row += i + 1;
    }
  }

  private double rounded(double sum) {
    return Math.rint(sum / quantum) * quantum;
  }

  private void addRounded(double[] source, double[] target, int offset) {
    for (int i = 0; i < source.length; i++) {
      target[offset + i] = exact(target[offset + i] + rounded(source[i]));
    }
  }

  private double exact(double sum) {
    if (!(Math.abs(sum) <= QUANTA * quantum)) {
      throw new TurboEsmException(
          "calibration sums reach "
              + sum
              + ", beyond what can be added exactly ("
              + QUANTA * quantum
              + "); the model's activations overflow (are its weights whole?), or the calibration set is"
              + " too large: use fewer --calibration-proteins");
    }
    return sum;
  }

  /** Adds the other's sums to these, exactly. */
  void merge(SecondMoments other) {
    if (heads != other.heads || headDim != other.headDim || quantum != other.quantum) {
      throw new IllegalArgumentException("moments of different models cannot be merged");
    }
    for (int h = 0; h < heads; h++) {
      vectors[h] += other.vectors[h];
    }
    add(other.weights, weights);
    add(other.sums, sums);
    add(other.products, products);
  }

  private void add(double[] source, double[] target) {
    for (int i = 0; i < target.length; i++) {
      target[i] = exact(target[i] + source[i]);
    }
  }

  /** How many vectors of one head had any weight. */
  long vectors(int head) {
    return vectors[head];
  }

  /** The sum of one head's weights. */
  double weight(int head) {
    return weights[head];
  }

  /** The weighted mean, [headDim]; zeros where nothing has weight. */
  double[] mean(int head) {
    double[] mean = new double[headDim];
    for (int c = 0; c < headDim && weights[head] > 0; c++) {
      mean[c] = sums[head * headDim + c] / weights[head];
    }
    return mean;
  }

  /** The weighted mean of x x^T, [headDim, headDim]; zeros where nothing has weight. */
  double[][] moment(int head) {
    double[][] moment = new double[headDim][headDim];
    int next = head * triangle();
    for (int i = 0; i < headDim && weights[head] > 0; i++) {
      for (int j = 0; j <= i; j++) {
        moment[i][j] = products[next++] / weights[head];
        moment[j][i] = moment[i][j];
      }
    }
    return moment;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof SecondMoments that
        && heads == that.heads
        && headDim == that.headDim
        && quantum == that.quantum
        && Arrays.equals(vectors, that.vectors)
        && Arrays.equals(weights, that.weights)
        && Arrays.equals(sums, that.sums)
        && Arrays.equals(products, that.products);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(products);
  }
}
