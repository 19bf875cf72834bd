package org.turboesm.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.turboesm.kv.AffineMap;

/** What a squared error in the fitted coordinates costs: M^T M is the weight of an error. */
class TransformFitTest {
  private static final long SEED = 23;
  private static final int HEADS = 2;
  private static final int HEAD_DIM = 6;
  private static final int HIDDEN = 12;

  /** More than headDim vectors, so that what is shrunk has its full rank. */
  private static final int[] LENGTHS = {40, 25, 60};

  /** Squared lengths of each protein's outputs. */
  private static final double[] SQUARES = {31.5, 8.25, 120};

  private final Random random = new Random(SEED);
  private final double[][] grams = new double[HEADS][];
  private final MomentAccumulator moments = new MomentAccumulator(HEADS, HEAD_DIM, true, true);

  /** Sum over queries of importance times q q^T, [heads][headDim]: the diagonal. */
  private final double[][] queryMoments = new double[HEADS][HEAD_DIM];

  @BeforeEach
  void seeProteins() {
    for (int h = 0; h < HEADS; h++) {
      grams[h] = gram();
    }
    for (int p = 0; p < LENGTHS.length; p++) {
      float[] q = gaussians(LENGTHS[p]);
      float[] k = gaussians(LENGTHS[p]);
      float[] v = gaussians(LENGTHS[p]);
      float[] outputs = gaussians(LENGTHS[p]);
      TokenImportance importance =
          TokenImportance.measure(grams, q, k, v, outputs, SQUARES[p], LENGTHS[p]);
      moments.addProtein(q, k, v, importance);
      for (int h = 0; h < HEADS; h++) {
        for (int t = 0; t < LENGTHS[p]; t++) {
          for (int c = 0; c < HEAD_DIM; c++) {
            double x = q[(t * HEADS + h) * HEAD_DIM + c];
            queryMoments[h][c] += importance.queries()[h][t] * x * x;
          }
        }
      }
    }
  }

  /** W_o,h^T W_o,h of random weights. */
  private double[] gram() {
    double[][] weights = new double[HIDDEN][HEAD_DIM];
    for (double[] row : weights) {
      for (int c = 0; c < HEAD_DIM; c++) {
        row[c] = random.nextGaussian();
      }
    }
    double[] gram = new double[HEAD_DIM * HEAD_DIM];
    for (int i = 0; i < gram.length; i++) {
      for (double[] row : weights) {
        gram[i] += row[i / HEAD_DIM] * row[i % HEAD_DIM];
      }
    }
    return gram;
  }

  private float[] gaussians(int tokens) {
    float[] values = new float[tokens * HEADS * HEAD_DIM];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  /** (M^T M)[i][j]. */
  private static double weight(AffineMap map, int i, int j) {
    double sum = 0;
    for (int r = 0; r < map.size(); r++) {
      sum += (double) map.at(r, i) * map.at(r, j);
    }
    return sum;
  }

  /** Maps are rounded to float, and moments to 2^-24 a protein. */
  private static final double ROUNDING = 1e-5;

  @Test
  void errorsOfValuesCostTheirShareOfTheOutputAProteinOnAverage() {
    LayerTransforms fitted = new TransformFit(CodecRecipe.parse("default"), moments).layer(grams);
    double share = 0;
    for (int p = 0; p < LENGTHS.length; p++) {
      share += LENGTHS[p] / SQUARES[p] / LENGTHS.length;
    }
    for (int h = 0; h < HEADS; h++) {
      for (int i = 0; i < HEAD_DIM * HEAD_DIM; i++) {
        assertThat(weight(fitted.heads().get(h).value(), i / HEAD_DIM, i % HEAD_DIM))
            .as("seed %d, head %d, element %d", SEED, h, i)
            .isCloseTo(share * grams[h][i], within(ROUNDING * share * grams[h][0] * HEAD_DIM));
      }
    }
  }

  /** Only the diagonal: what stands beside it is shrunk by the number of vectors. */
  @Test
  void errorsOfKeysCostWhatTheQueriesThatMeetThemDoToTheOutput() {
    LayerTransforms fitted = new TransformFit(CodecRecipe.parse("default"), moments).layer(grams);
    for (int h = 0; h < HEADS; h++) {
      for (int c = 0; c < HEAD_DIM; c++) {
        double expected = queryMoments[h][c] / LENGTHS.length;
        assertThat(weight(fitted.heads().get(h).key(), c, c))
            .as("seed %d, head %d, channel %d", SEED, h, c)
            .isCloseTo(expected, within(10 * ROUNDING * expected));
      }
    }
  }
}
