package org.turboesm.calibration;

import java.io.Serializable;
import java.util.Arrays;
import org.turboesm.TurboEsmException;

/**
 * Pass 1 of calibration: second moments of one layer's queries, keys and values, head by head. Sums
 * are exact: each protein's contribution is computed in double and rounded once, to a multiple of
 * 2^-20, and sums of such multiples below 2^33 are exact in double. So {@link #merge} is
 * associative and commutative to the last bit, and the artefact does not depend on how proteins
 * were partitioned. The rounding, 5e-7 a protein, is far below the variance of a single token.
 *
 * <p>Costs 3 heads headDim (headDim + 1) / 2 doubles, and as many multiplications a token.
 */
public final class MomentAccumulator implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final double QUANTUM = 0x1p-20;
  private static final double LIMIT = 0x1p32;

  private final int heads;
  private final int headDim;
  private long tokens;
  private final double[] keySums;
  private final double[] valueSums;
  private final double[] queryProducts;
  private final double[] keyProducts;
  private final double[] valueProducts;

  public MomentAccumulator(int heads, int headDim) {
    this.heads = heads;
    this.headDim = headDim;
    int triangles = heads * triangle(headDim);
    this.keySums = new double[heads * headDim];
    this.valueSums = new double[heads * headDim];
    this.queryProducts = new double[triangles];
    this.keyProducts = new double[triangles];
    this.valueProducts = new double[triangles];
  }

  private static int triangle(int size) {
    return size * (size + 1) / 2;
  }

  /**
   * Adds one whole protein.
   *
   * @param queries [proteinTokens, heads, headDim], scaled and rotated
   * @param keys [proteinTokens, heads, headDim], rotated
   * @param values [proteinTokens, heads, headDim]
   */
  void addProtein(float[] queries, float[] keys, float[] values, int proteinTokens) {
    tokens += proteinTokens;
    addProducts(queries, proteinTokens, queryProducts);
    addProducts(keys, proteinTokens, keyProducts);
    addProducts(values, proteinTokens, valueProducts);
    addSums(keys, proteinTokens, keySums);
    addSums(values, proteinTokens, valueSums);
  }

  private void addProducts(float[] x, int proteinTokens, double[] target) {
    double[] products = new double[triangle(headDim)];
    double[] vector = new double[headDim];
    for (int h = 0; h < heads; h++) {
      Arrays.fill(products, 0);
      for (int t = 0; t < proteinTokens; t++) {
        int offset = (t * heads + h) * headDim;
        for (int c = 0; c < headDim; c++) {
          vector[c] = x[offset + c];
        }
        addOuterProduct(vector, products);
      }
      addRounded(products, target, h * products.length);
    }
  }

  /** Adds the lower triangle of x x^T, row by row. */
  private static void addOuterProduct(double[] x, double[] triangle) {
    int row = 0;
    for (int i = 0; i < x.length; i++) {
      double xi = x[i];
      for (int j = 0; j <= i; j++) {
        triangle[row + j] += xi * x[j];
      }
      row += i + 1;
    }
  }

  private void addSums(float[] x, int proteinTokens, double[] target) {
    int width = heads * headDim;
    double[] sums = new double[width];
    for (int t = 0; t < proteinTokens; t++) {
      for (int c = 0; c < width; c++) {
        sums[c] += x[t * width + c];
      }
    }
    addRounded(sums, target, 0);
  }

  private static void addRounded(double[] sums, double[] target, int offset) {
    for (int i = 0; i < sums.length; i++) {
      target[offset + i] = exact(target[offset + i] + Math.rint(sums[i] / QUANTUM) * QUANTUM);
    }
  }

  private static double exact(double sum) {
    if (!(Math.abs(sum) <= LIMIT)) {
      throw new TurboEsmException(
          "calibration sums reach "
              + sum
              + ", beyond what can be added exactly ("
              + LIMIT
              + "); the model's activations overflow, or the calibration set is too large: use"
              + " fewer --calibration-proteins");
    }
    return sum;
  }

  /** Adds the other's moments to these, exactly, and returns these. */
  public MomentAccumulator merge(MomentAccumulator other) {
    if (heads != other.heads || headDim != other.headDim) {
      throw new IllegalArgumentException("moments of different models cannot be merged");
    }
    tokens += other.tokens;
    add(other.keySums, keySums);
    add(other.valueSums, valueSums);
    add(other.queryProducts, queryProducts);
    add(other.keyProducts, keyProducts);
    add(other.valueProducts, valueProducts);
    return this;
  }

  private static void add(double[] source, double[] target) {
    for (int i = 0; i < target.length; i++) {
      target[i] = exact(target[i] + source[i]);
    }
  }

  public int heads() {
    return heads;
  }

  public int headDim() {
    return headDim;
  }

  /** Tokens added so far. */
  public long tokens() {
    return tokens;
  }

  /** E[k], [headDim]. */
  double[] keyMean(int head) {
    return mean(keySums, head);
  }

  /** E[v], [headDim]. */
  double[] valueMean(int head) {
    return mean(valueSums, head);
  }

  /** E[q q^T], [headDim, headDim]. */
  double[][] queryMoment(int head) {
    return moment(queryProducts, head);
  }

  /** E[k k^T], [headDim, headDim]. */
  double[][] keyMoment(int head) {
    return moment(keyProducts, head);
  }

  /** E[v v^T], [headDim, headDim]. */
  double[][] valueMoment(int head) {
    return moment(valueProducts, head);
  }

  private double[] mean(double[] sums, int head) {
    double[] mean = new double[headDim];
    for (int c = 0; c < headDim; c++) {
      mean[c] = sums[head * headDim + c] / tokens;
    }
    return mean;
  }

  private double[][] moment(double[] products, int head) {
    double[][] moment = new double[headDim][headDim];
    int next = head * triangle(headDim);
    for (int i = 0; i < headDim; i++) {
      for (int j = 0; j <= i; j++) {
        moment[i][j] = products[next++] / tokens;
        moment[j][i] = moment[i][j];
      }
    }
    return moment;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof MomentAccumulator that
        && heads == that.heads
        && headDim == that.headDim
        && tokens == that.tokens
        && Arrays.equals(keySums, that.keySums)
        && Arrays.equals(valueSums, that.valueSums)
        && Arrays.equals(queryProducts, that.queryProducts)
        && Arrays.equals(keyProducts, that.keyProducts)
        && Arrays.equals(valueProducts, that.valueProducts);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(keyProducts);
  }
}
