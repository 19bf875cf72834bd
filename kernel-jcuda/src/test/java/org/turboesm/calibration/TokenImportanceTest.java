package org.turboesm.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenImportanceTest {
  private static final int HEADS = 2;
  private static final int HEAD_DIM = 6;
  private static final int HIDDEN = 9;
  private static final double SQUARES = 37.5;

  private final Random random = new Random(19);

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 33, 64})
  void isThePlainFormulas(int tokens) {
    Protein protein = new Protein(tokens);
    TokenImportance importance = protein.importance();
    for (int h = 0; h < HEADS; h++) {
      double[] keys = new double[tokens];
      double[] values = new double[tokens];
      double largest = 0;
      for (int i = 0; i < tokens; i++) {
        double query = 0;
        for (int t = 0; t < tokens; t++) {
          double f = protein.p(h, i)[t] * protein.distance(h, t, i) / SQUARES;
          keys[t] += f;
          values[t] += protein.p(h, i)[t] / SQUARES * protein.trace(h);
          query += f;
          largest = Math.max(largest, protein.distance(h, t, i) / SQUARES);
        }
        // Three squares of about headDim terms cancel in float: a few ulps of the largest.
        assertThat((double) importance.queries()[h][i])
            .isCloseTo(query, within(64 * 0x1p-23 * Math.max(largest, 1)));
      }
      for (int t = 0; t < tokens; t++) {
        assertThat((double) importance.keys()[h][t])
            .isCloseTo(keys[t], within(64 * 0x1p-23 * tokens * Math.max(largest, 1)));
        assertThat((double) importance.values()[h][t])
            .isCloseTo(values[t], within(64 * 0x1p-23 * tokens * protein.trace(h)));
      }
    }
  }

  @Test
  void boundsWhatErrorsOfValuesCost() {
    Protein protein = new Protein(20);
    float[] errors = gaussians(20 * HEADS * HEAD_DIM);
    TokenImportance importance = protein.importance();
    int h = 1;
    double cost = 0;
    for (int i = 0; i < 20; i++) {
      double[] change = new double[HEAD_DIM];
      for (int t = 0; t < 20; t++) {
        for (int c = 0; c < HEAD_DIM; c++) {
          change[c] += protein.p(h, i)[t] * errors[(t * HEADS + h) * HEAD_DIM + c];
        }
      }
      cost += protein.projectedSquare(h, change) / SQUARES;
    }
    double bound = 0;
    for (int t = 0; t < 20; t++) {
      double[] error = new double[HEAD_DIM];
      for (int c = 0; c < HEAD_DIM; c++) {
        error[c] = errors[(t * HEADS + h) * HEAD_DIM + c];
      }
      bound += importance.values()[h][t] / protein.trace(h) * protein.projectedSquare(h, error);
    }
    assertThat(cost).isPositive().isLessThan(bound);
  }

  @Test
  void evenlySpacedQueriesStandForAllOfALongProtein() {
    int tokens = 1000;
    Protein protein = new Protein(tokens);
    TokenImportance importance = protein.importance();
    int looked = 0;
    double values = 0;
    for (int t = 0; t < tokens; t++) {
      looked += importance.queries()[0][t] > 0 ? 1 : 0;
      values += importance.values()[0][t] / protein.trace(0);
    }
    assertThat(looked).isEqualTo(64);
    assertThat(values).isCloseTo(tokens / SQUARES, within(1e-3 * tokens / SQUARES));
  }

  @Test
  void aProteinWithoutOutputHasNoImportance() {
    Protein protein = new Protein(3);
    TokenImportance importance =
        TokenImportance.measure(
            protein.grams(), protein.q, protein.k, protein.v, protein.outputs(), 0, 3);
    assertThat(importance.keys()[0]).containsOnly(0f);
    assertThat(importance.values()[1]).containsOnly(0f);
  }

  private float[] gaussians(int size) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private final class Protein {
    private final int tokens;
    private final float[] q;
    private final float[] k;
    private final float[] v;
    private final float[] w;

    Protein(int tokens) {
      this.tokens = tokens;
      this.q = gaussians(tokens * HEADS * HEAD_DIM);
      this.k = gaussians(tokens * HEADS * HEAD_DIM);
      this.v = gaussians(tokens * HEADS * HEAD_DIM);
      this.w = gaussians(HIDDEN * HEADS * HEAD_DIM);
    }

    TokenImportance importance() {
      return TokenImportance.measure(grams(), q, k, v, outputs(), SQUARES, tokens);
    }

    double[][] grams() {
      double[][] grams = new double[HEADS][HEAD_DIM * HEAD_DIM];
      for (int h = 0; h < HEADS; h++) {
        for (int i = 0; i < HEAD_DIM; i++) {
          for (int j = 0; j < HEAD_DIM; j++) {
            for (int row = 0; row < HIDDEN; row++) {
              int offset = row * HEADS * HEAD_DIM + h * HEAD_DIM;
              grams[h][i * HEAD_DIM + j] += (double) w[offset + i] * w[offset + j];
            }
          }
        }
      }
      return grams;
    }

    double trace(int h) {
      double trace = 0;
      for (int c = 0; c < HEAD_DIM; c++) {
        trace += grams()[h][c * HEAD_DIM + c];
      }
      return trace;
    }

    float[] outputs() {
      float[] outputs = new float[tokens * HEADS * HEAD_DIM];
      for (int h = 0; h < HEADS; h++) {
        for (int i = 0; i < tokens; i++) {
          for (int c = 0; c < HEAD_DIM; c++) {
            outputs[(i * HEADS + h) * HEAD_DIM + c] = (float) output(h, i)[c];
          }
        }
      }
      return outputs;
    }

    double[] p(int h, int i) {
      double[] weights = new double[tokens];
      double sum = 0;
      for (int t = 0; t < tokens; t++) {
        double logit = 0;
        for (int c = 0; c < HEAD_DIM; c++) {
          logit += (double) q[(i * HEADS + h) * HEAD_DIM + c] * k[(t * HEADS + h) * HEAD_DIM + c];
        }
        weights[t] = Math.exp(logit);
        sum += weights[t];
      }
      for (int t = 0; t < tokens; t++) {
        weights[t] /= sum;
      }
      return weights;
    }

    double[] output(int h, int i) {
      double[] weights = p(h, i);
      double[] output = new double[HEAD_DIM];
      for (int t = 0; t < tokens; t++) {
        for (int c = 0; c < HEAD_DIM; c++) {
          output[c] += weights[t] * v[(t * HEADS + h) * HEAD_DIM + c];
        }
      }
      return output;
    }

    double distance(int h, int t, int i) {
      double[] output = output(h, i);
      double[] difference = new double[HEAD_DIM];
      for (int c = 0; c < HEAD_DIM; c++) {
        difference[c] = v[(t * HEADS + h) * HEAD_DIM + c] - output[c];
      }
      return projectedSquare(h, difference);
    }

    double projectedSquare(int h, double[] x) {
      double sum = 0;
      for (int row = 0; row < HIDDEN; row++) {
        double projected = 0;
        for (int c = 0; c < HEAD_DIM; c++) {
          projected += w[row * HEADS * HEAD_DIM + h * HEAD_DIM + c] * x[c];
        }
        sum += projected * projected;
      }
      return sum;
    }
  }
}
