package org.turboesm.kv;

import java.util.Arrays;
import java.util.SplittableRandom;

/** Codecs of random maps and tables. The maps are well-conditioned: singular values 1/2 to 2. */
public final class RandomCodec {
  /** No map or inverse here stretches a vector by more. */
  public static final double LARGEST_STRETCH = 2;

  private RandomCodec() {}

  /** A head with random transforms, means and tables. */
  public static HeadCodec head(SplittableRandom random, int[] keyBits, int[] valueBits) {
    return withTables(
        maps(random, keyBits.length), codebook(random, keyBits), codebook(random, valueBits));
  }

  /** A head with random transforms and means, whose tables hold nothing: all channels of 0 bits. */
  public static HeadCodec maps(SplittableRandom random, int headDim) {
    double[][] key = new double[headDim][headDim];
    double[][] query = new double[headDim][headDim];
    double[][] value = new double[headDim][headDim];
    double[][] output = new double[headDim][headDim];
    double[][] keyInverse = new double[headDim][headDim];
    double[][] valueInverseTranspose = new double[headDim][headDim];
    fillInvertible(random, key, keyInverse, query);
    fillInvertible(random, value, output, valueInverseTranspose);
    double[] keyMean = gaussians(random, headDim);
    double[] valueMean = gaussians(random, headDim);
    Codebook empty = codebook(random, new int[headDim]);
    return new HeadCodec(
        AffineMap.of(key, minusProduct(key, keyMean)),
        AffineMap.of(query, new double[headDim]),
        AffineMap.of(value, minusProduct(value, valueMean)),
        AffineMap.of(output, valueMean),
        empty,
        empty,
        false);
  }

  /** A head that changes nothing: identities, zero means, and tables of 0 bits. */
  public static HeadCodec identity(int headDim) {
    AffineMap same = AffineMap.identity(headDim);
    Codebook empty = codebook(new SplittableRandom(0), new int[headDim]);
    return new HeadCodec(same, same, same, same, empty, empty, false);
  }

  /** The same transforms and scaling with other tables. */
  public static HeadCodec withTables(HeadCodec head, Codebook keys, Codebook values) {
    return new HeadCodec(
        head.key(),
        head.query(),
        head.value(),
        head.output(),
        keys,
        values,
        head.tokenScaledValues());
  }

  /** The same transforms and tables, with a scale for each token's values. */
  public static HeadCodec withTokenScales(HeadCodec head) {
    return new HeadCodec(
        head.key(),
        head.query(),
        head.value(),
        head.output(),
        head.keyCodebook(),
        head.valueCodebook(),
        true);
  }

  /** The same transforms and tables, with calibrated ranges. */
  public static HeadCodec withRanges(HeadCodec head, ChannelRange keys, ChannelRange values) {
    return new HeadCodec(
        head.key(),
        head.query(),
        head.value(),
        head.output(),
        head.keyCodebook(),
        head.valueCodebook(),
        head.tokenScaledValues(),
        keys,
        values);
  }

  /** Tables of Gaussian centroids, thresholds midway. */
  public static Codebook codebook(SplittableRandom random, int[] bits) {
    float[][] centroids = new float[bits.length][];
    float[][] thresholds = new float[bits.length][];
    for (int c = 0; c < bits.length; c++) {
      centroids[c] = floats(gaussians(random, 1 << bits[c]));
      Arrays.sort(centroids[c]);
      thresholds[c] = new float[centroids[c].length - 1];
      for (int i = 0; i < thresholds[c].length; i++) {
        thresholds[c][i] = (centroids[c][i] + centroids[c][i + 1]) / 2;
      }
    }
    return new Codebook(bits, centroids, thresholds);
  }

  /**
   * Tables in which, with 8 bits, each of the given values is its own centroid, so that nothing is
   * lost; with fewer bits, neighbours share the mean of 2^(8 - bits) of them.
   *
   * @param values [headDim][at most 256]
   */
  public static Codebook holding(float[][] values, int bits) {
    int codes = 1 << bits;
    int share = 256 / codes;
    float[][] centroids = new float[values.length][codes];
    float[][] thresholds = new float[values.length][codes - 1];
    for (int c = 0; c < values.length; c++) {
      float[] sorted = Arrays.copyOf(values[c], 256);
      Arrays.fill(sorted, values[c].length, 256, values[c][0]);
      Arrays.sort(sorted);
      for (int code = 0; code < codes; code++) {
        double sum = 0;
        for (int i = 0; i < share; i++) {
          sum += sorted[code * share + i];
        }
        centroids[c][code] = (float) (sum / share);
        if (code > 0) {
          float above = sorted[code * share];
          float midway = (float) ((sorted[code * share - 1] + (double) above) / 2);
          thresholds[c][code - 1] = Math.min(midway, Math.nextDown(above));
        }
      }
    }
    int[] widths = new int[values.length];
    Arrays.fill(widths, bits);
    return new Codebook(widths, centroids, thresholds);
  }

  /** Random code widths, 0 to 8, each of which occurs where there are channels enough. */
  public static int[] bits(SplittableRandom random, int headDim) {
    int[] bits = new int[headDim];
    for (int c = 0; c < headDim; c++) {
      bits[c] = c <= PackedKvLayout.MAX_BITS ? c : random.nextInt(PackedKvLayout.MAX_BITS + 1);
    }
    for (int c = headDim - 1; c > 0; c--) {
      int other = random.nextInt(c + 1);
      int width = bits[c];
      bits[c] = bits[other];
      bits[other] = width;
    }
    return bits;
  }

  /** [headDim], all of one width. */
  public static int[] uniformBits(int headDim, int width) {
    int[] bits = new int[headDim];
    Arrays.fill(bits, width);
    return bits;
  }

  /** Standard normal values. */
  public static float[] floats(SplittableRandom random, int size) {
    return floats(gaussians(random, size));
  }

  private static float[] floats(double[] values) {
    float[] floats = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      floats[i] = (float) values[i];
    }
    return floats;
  }

  private static double[] gaussians(SplittableRandom random, int size) {
    double[] values = new double[size];
    for (int i = 0; i < size; i++) {
      values[i] = random.nextGaussian();
    }
    return values;
  }

  /** Fills M = P S Q^T with its inverse Q S^-1 P^T and its inverse transpose P S^-1 Q^T. */
  private static void fillInvertible(
      SplittableRandom random, double[][] matrix, double[][] inverse, double[][] inverseTranspose) {
    int size = matrix.length;
    double[][] p = orthogonal(random, size);
    double[][] q = orthogonal(random, size);
    for (int i = 0; i < size; i++) {
      double singular = Math.pow(LARGEST_STRETCH, 2 * random.nextDouble() - 1);
      for (int r = 0; r < size; r++) {
        for (int c = 0; c < size; c++) {
          matrix[r][c] += p[i][r] * singular * q[i][c];
          inverse[r][c] += q[i][r] / singular * p[i][c];
          inverseTranspose[r][c] += p[i][r] / singular * q[i][c];
        }
      }
    }
  }

  /** Orthonormal rows, by Gram and Schmidt. */
  private static double[][] orthogonal(SplittableRandom random, int size) {
    double[][] rows = new double[size][];
    for (int r = 0; r < size; r++) {
      double[] row = gaussians(random, size);
      for (int pass = 0; pass < 2; pass++) {
        for (int other = 0; other < r; other++) {
          double overlap = dot(row, rows[other]);
          for (int c = 0; c < size; c++) {
            row[c] -= overlap * rows[other][c];
          }
        }
      }
      double norm = Math.sqrt(dot(row, row));
      for (int c = 0; c < size; c++) {
        row[c] /= norm;
      }
      rows[r] = row;
    }
    return rows;
  }

  private static double[] minusProduct(double[][] matrix, double[] vector) {
    double[] product = new double[vector.length];
    for (int r = 0; r < vector.length; r++) {
      product[r] = -dot(matrix[r], vector);
    }
    return product;
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }
}
