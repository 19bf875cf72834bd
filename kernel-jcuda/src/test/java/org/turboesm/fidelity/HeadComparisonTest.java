package org.turboesm.fidelity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngines;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.LinearWeights;
import org.turboesm.esm2.OutputGrams;
import org.turboesm.esm2.RandomEsmModel;

/** Two layers of two heads of two; all numbers are small integers, so that sums are exact. */
class HeadComparisonTest {
  private static final EsmConfig CONFIG = RandomEsmModel.config(2, 2, 2);

  /** Heads write to places of their own: their errors are orthogonal. */
  private static final float[] APART = {
    1, 2, 0, 0,
    3, 4, 0, 0,
    0, 0, 5, 6,
    0, 0, 7, 8,
  };

  /** Both heads write the same. */
  private static final float[] SAME = {
    1, 2, 1, 2,
    3, 4, 3, 4,
    5, 6, 5, 6,
    7, 8, 7, 8,
  };

  private static final float[] BIAS = {1, -1, 2, -2};

  /** [rows, heads, headDim], two tokens. */
  private static final float[] REFERENCE = {1, 2, 3, 4, -1, 0, 2, 1};

  @TempDir Path folder;

  private record Nmse(double[] layers, double[][] heads) {}

  @Test
  void onlyTheHeadThatErrsHasError() {
    float[] actual = REFERENCE.clone();
    actual[2] += 1;
    actual[7] -= 2;
    Nmse nmse = nmse(SAME, 1, actual);
    // W_o of (1, 0) and of (0, -2): 1 + 9 + 25 + 49 and 4 (4 + 16 + 36 + 64).
    // W_o o + b_o: (17, 35, 58, 74) and (4, 6, 13, 13).
    double squaredReference = 289 + 1225 + 3364 + 5476 + 16 + 36 + 169 + 169;
    assertThat(nmse.heads[1]).containsExactly(0, (84 + 480) / squaredReference);
    assertThat(nmse.layers[1]).isEqualTo((84 + 480) / squaredReference);
    assertThat(nmse.heads[0]).containsExactly(0, 0);
  }

  @Test
  void orthogonalErrorsSumToTheLayers() {
    float[] actual = REFERENCE.clone();
    actual[0] += 1;
    actual[3] -= 1;
    actual[5] += 3;
    Nmse nmse = nmse(APART, 0, actual);
    assertThat(nmse.heads[0][0]).isPositive();
    assertThat(nmse.heads[0][1]).isPositive();
    // Two roundings of quotients and one of their sum, all below 1.
    assertThat(Arrays.stream(nmse.heads[0]).sum()).isCloseTo(nmse.layers[0], within(0x1p-52));
  }

  @Test
  void errorsThatCancelAreStillTheHeads() {
    float[] actual = REFERENCE.clone();
    actual[0] += 1;
    actual[2] -= 1;
    Nmse nmse = nmse(SAME, 0, actual);
    assertThat(nmse.layers[0]).isZero();
    assertThat(nmse.heads[0][0]).isPositive().isEqualTo(nmse.heads[0][1]);
  }

  @Test
  void noTokensHaveNoFigure() {
    OutputGrams grams = new OutputGrams(CONFIG, layer -> new LinearWeights(4, 4, SAME, BIAS));
    HeadComparison heads = new HeadComparison(CONFIG, grams);
    for (double[] layer : heads.nmse(new AttentionComparison(CONFIG))) {
      assertThat(layer).containsExactly(Double.NaN, Double.NaN);
    }
  }

  @Test
  void theGramMatrixMeasuresWhatTheHeadMaps() {
    long seed = 31;
    SplittableRandom random = new SplittableRandom(seed);
    EsmConfig config = RandomEsmModel.config(1, 3, 16);
    int hidden = config.hiddenSize();
    float[] weight = new float[hidden * hidden];
    for (int i = 0; i < weight.length; i++) {
      weight[i] = (float) random.nextGaussian();
    }
    OutputGrams grams =
        new OutputGrams(
            config, layer -> new LinearWeights(hidden, hidden, weight, new float[hidden]));
    for (int h = 0; h < config.heads(); h++) {
      double[] d = random.doubles(config.headDim(), -1, 1).toArray();
      double expected = 0;
      for (int o = 0; o < hidden; o++) {
        double mapped = 0;
        for (int i = 0; i < d.length; i++) {
          mapped += weight[o * hidden + h * d.length + i] * d[i];
        }
        expected += mapped * mapped;
      }
      // Some 48 + 2 * 16 roundings of terms that sum, unsigned, to at most
      // headDim * |W|_F^2 * |d|^2 / |W d|^2 = 16 * 16 of the result: 80 * 256 * 2^-53.
      assertThat(grams.squaredLength(0, h, d))
          .as("seed %d head %d", seed, h)
          .isCloseTo(expected, within(expected * 3e-12));
    }
  }

  @Test
  void aLayersWeightsAreReadOnce() {
    int[] reads = new int[CONFIG.layers()];
    OutputGrams grams =
        new OutputGrams(
            CONFIG,
            layer -> {
              reads[layer]++;
              return new LinearWeights(4, 4, SAME, BIAS);
            });
    for (int i = 0; i < 3; i++) {
      grams.squaredLength(1, i % 2, new double[] {1, 1});
    }
    assertThat(reads).containsExactly(0, 1);
  }

  /** Compares both tokens in one layer, and in the other the reference with itself. */
  private Nmse nmse(float[] weight, int erringLayer, float[] actual) {
    RandomEsmModel model = RandomEsmModel.of(CONFIG, 1);
    Map<String, RandomEsmModel.Tensor> tensors = model.tensors();
    for (int l = 0; l < CONFIG.layers(); l++) {
      String name = "esm.encoder.layer." + l + ".attention.output.dense";
      tensors.put(name + ".weight", new RandomEsmModel.Tensor(weight, new long[] {4, 4}));
      tensors.put(name + ".bias", new RandomEsmModel.Tensor(BIAS, new long[] {4}));
    }
    model.write(folder, tensors);
    try (EsmWeights weights = EsmWeights.open(folder);
        EsmEngine engine = EsmEngines.open("reference", "f32", weights)) {
      AttentionComparison whole = new AttentionComparison(CONFIG);
      HeadComparison heads =
          new HeadComparison(CONFIG, new OutputGrams(CONFIG, weights::attentionOutput));
      for (int l = 0; l < CONFIG.layers(); l++) {
        float[] compared = l == erringLayer ? actual : REFERENCE;
        AttentionComparison.add(engine, l, REFERENCE, compared, 2, row -> whole);
        for (int row = 0; row < 2; row++) {
          heads.add(l, REFERENCE, compared, row);
        }
      }
      return new Nmse(whole.result().nmse(), heads.nmse(whole));
    }
  }
}
