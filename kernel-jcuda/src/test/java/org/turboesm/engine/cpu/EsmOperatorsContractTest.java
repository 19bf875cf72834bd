package org.turboesm.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.turboesm.engine.Precision;
import org.turboesm.engine.reference.ReferenceOperators;
import org.turboesm.esm2.EsmOperators;
import org.turboesm.esm2.LayerNormWeights;
import org.turboesm.esm2.Linear;
import org.turboesm.esm2.LinearWeights;

/** What every implementation of the operators owes the reference, on awkward sizes. */
class EsmOperatorsContractTest {
  private static final int[] ROWS = {1, 2, 31, 32, 33, 127, 1022, 3000};
  private static final int[] INPUTS = {32, 48, 64, 128, 256, 1280};
  private static final int[] OUTPUTS = {32, 33, 48, 64, 128, 256, 1280};

  /** About both ends of blocks and batches. */
  private static final int[] SAMPLED_ROWS = {0, 1, 30, 31, 32, 126, 127, 128, 640, 1021, 2999};

  private static final long SEED = 20260101;

  /** Half a unit in the last place of 1: the relative error of one rounding. */
  private static final double U = Math.scalb(1.0, -24);

  private final EsmOperators reference = new ReferenceOperators();
  private final CpuOperators operators = new CpuOperators(Precision.F32);

  @AfterEach
  void close() {
    operators.close();
  }

  static Stream<Arguments> layers() {
    return Arrays.stream(INPUTS)
        .boxed()
        .flatMap(
            inputs ->
                Arrays.stream(OUTPUTS)
                    .boxed()
                    .flatMap(
                        outputs ->
                            Arrays.stream(Linear.Epilogue.values())
                                .map(epilogue -> Arguments.of(inputs, outputs, epilogue))));
  }

  /**
   * The limit is worst-case: a sum of K products and a bias in any order of f32 additions, fused or
   * not, is off by at most gamma_n (sum |w x| + |b|) with n = K + 1 and gamma_n = n U / (1 - n U)
   * (Higham 2002, section 3.1). GELU's slope is below 1.13, and a polynomial erf is good to 2e-7,
   * which x / 2 multiplies. A residual adds two roundings of no more than |residual| + |result|.
   */
  @ParameterizedTest(name = "{0} -> {1}, {2}")
  @MethodSource("layers")
  void linearLayerIsTheReferenceWithinItsRoundings(
      int inputs, int outputs, Linear.Epilogue epilogue) {
    LinearWeights weights = weights(inputs, outputs);
    try (Linear expected = reference.linear(weights, epilogue);
        Linear actual = operators.linear(weights, epilogue)) {
      for (int rows : ROWS) {
        float[] input = values(rows * inputs, 3, 2f);
        float[] residual = values(rows * outputs, 4, 1f);
        float[] output = residual.clone();
        actual.apply(input, rows, output);
        for (int row : SAMPLED_ROWS) {
          if (row >= rows) {
            break;
          }
          float[] x = Arrays.copyOfRange(input, row * inputs, (row + 1) * inputs);
          float[] y = Arrays.copyOfRange(residual, row * outputs, (row + 1) * outputs);
          float[] before = y.clone();
          expected.apply(x, 1, y);
          float[] found = Arrays.copyOfRange(output, row * outputs, (row + 1) * outputs);
          assertThat(worst(weights, epilogue, x, before, y, found))
              .as("error in limits: %d rows, row %d", rows, row)
              .isBetween(0.0, 1.0);
        }
      }
    }
  }

  @ParameterizedTest(name = "{0} -> {1}, {2}")
  @CsvSource({
    "32, 32, NONE",
    "320, 33, NONE",
    "320, 1280, GELU",
    "1280, 320, ADD",
    "480, 1920, GELU",
    "1280, 1280, NONE"
  })
  void rowDoesNotDependOnTheBatchAroundIt(int inputs, int outputs, Linear.Epilogue epilogue) {
    int most = 500;
    float[] input = values(most * inputs, 5, 1f);
    float[] residual = values(most * outputs, 6, 1f);
    try (Linear linear = operators.linear(weights(inputs, outputs), epilogue)) {
      float[] all = residual.clone();
      linear.apply(input, most, all);
      for (int rows : new int[] {1, 2, 3, 7, 9, 31, 64, 127, 129, 400}) {
        int first = most - rows;
        float[] some = Arrays.copyOfRange(residual, first * outputs, most * outputs);
        linear.apply(Arrays.copyOfRange(input, first * inputs, most * inputs), rows, some);
        assertThat(Arrays.mismatch(some, Arrays.copyOfRange(all, first * outputs, most * outputs)))
            .as("first differing element of the last %d rows", rows)
            .isEqualTo(-1);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void noRowsAreNoWork(Linear.Epilogue epilogue) {
    try (Linear linear = operators.linear(weights(48, 33), epilogue)) {
      float[] output = {7f};
      linear.apply(new float[0], 0, output);
      assertThat(output).containsExactly(7f);
    }
  }

  @Test
  void arraysMayBeLongerThanTheRows() {
    LinearWeights weights = weights(48, 33);
    float[] input = values(5 * 48, 7, 1f);
    float[] exact = new float[2 * 33];
    float[] longer = new float[5 * 33];
    try (Linear linear = operators.linear(weights, Linear.Epilogue.NONE)) {
      linear.apply(Arrays.copyOf(input, 2 * 48), 2, exact);
      linear.apply(input, 2, longer);
    }
    assertThat(longer).containsExactly(Arrays.copyOf(exact, longer.length));
  }

  /**
   * Normed values have a standard deviation of 1; they and the bias are rounded a few times each.
   * The squares are summed in at least 8 lanes of two vectors, whose roundings partly cancel: the
   * variance of 5120 is good to some 16 U, its root to half of that. 1e-6, or 17 U, holds it all.
   */
  @ParameterizedTest(name = "hidden {0}, mean {1}")
  @CsvSource({
    "1, 0",
    "17, 0",
    "33, 3",
    "48, 0",
    "320, 0",
    "320, 30",
    "1280, 0",
    "1280, -30",
    "5120, 0",
    "5120, 1000"
  })
  void layerNormIsTheReferenceToAMillionth(int hidden, float mean) {
    int rows = 33;
    LayerNormWeights weights = new LayerNormWeights(values(hidden, 8, 1f), values(hidden, 9, 1f));
    float[] input = values(rows * hidden, 10, 1f);
    for (int i = 0; i < input.length; i++) {
      input[i] += mean;
    }
    float[] expected = new float[input.length];
    float[] actual = new float[input.length];
    reference.layerNorm(input, rows, weights, 1e-5f, expected);
    operators.layerNorm(input, rows, weights, 1e-5f, actual);
    for (int i = 0; i < input.length; i++) {
      double size =
          Math.max(Math.abs(weights.weight()[i % hidden]), Math.abs(expected[i]))
              + Math.abs(weights.bias()[i % hidden]);
      assertThat((double) actual[i])
          .as("row %d, channel %d", i / hidden, i % hidden)
          .isCloseTo(expected[i], within(1e-6 * size));
    }
  }

  @Test
  void layerNormMayWriteOverItsInput() {
    LayerNormWeights weights = new LayerNormWeights(values(331, 8, 1f), values(331, 9, 1f));
    float[] input = values(3 * 331, 11, 1f);
    float[] apart = new float[input.length];
    operators.layerNorm(input, 3, weights, 1e-5f, apart);
    operators.layerNorm(input, 3, weights, 1e-5f, input);
    assertThat(input).containsExactly(apart);
  }

  /** The largest error of a row, in units of its limit. */
  private static double worst(
      LinearWeights weights,
      Linear.Epilogue epilogue,
      float[] x,
      float[] residual,
      float[] expected,
      float[] found) {
    double worst = 0;
    for (int o = 0; o < expected.length; o++) {
      double magnitude = Math.abs(weights.bias()[o]);
      double sum = weights.bias()[o];
      for (int i = 0; i < x.length; i++) {
        double product = (double) weights.weight()[o * x.length + i] * x[i];
        magnitude += Math.abs(product);
        sum += product;
      }
      double n = x.length + 1;
      double limit = n * U / (1 - n * U) * magnitude;
      limit =
          switch (epilogue) {
            case NONE -> limit;
            case GELU -> 1.13 * limit + 2e-7 * Math.abs(sum) / 2 + 4 * U * Math.abs(sum);
            case ADD -> limit + 2 * U * (Math.abs(residual[o]) + Math.abs(expected[o]));
          };
      // Math.max carries NaN on, so that no result that is no number passes.
      worst = Math.max(worst, Math.abs((double) found[o] - expected[o]) / limit);
    }
    return worst;
  }

  private static LinearWeights weights(int inputs, int outputs) {
    return new LinearWeights(
        inputs, outputs, values(inputs * outputs, 1, 0.1f), values(outputs, 2, 1f));
  }

  /** Uniform in [-scale, scale). */
  private static float[] values(int size, long stream, float scale) {
    SplittableRandom random = new SplittableRandom(SEED + stream);
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) (2 * random.nextDouble() - 1) * scale;
    }
    return values;
  }
}
