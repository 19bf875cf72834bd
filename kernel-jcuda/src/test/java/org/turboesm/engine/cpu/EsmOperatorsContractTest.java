package org.turboesm.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
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

  private final EsmOperators reference = new ReferenceOperators();
  private final Map<Precision, CpuOperators> opened = new EnumMap<>(Precision.class);
  private final CpuOperators operators = operators(Precision.F32);

  @AfterEach
  void close() {
    opened.values().forEach(CpuOperators::close);
  }

  static Stream<Arguments> layers() {
    return precisions()
        .flatMap(
            precision ->
                Arrays.stream(INPUTS).boxed().flatMap(inputs -> layersOf(precision, inputs)));
  }

  private static Stream<Arguments> layersOf(Precision precision, int inputs) {
    return Arrays.stream(OUTPUTS)
        .boxed()
        .flatMap(
            outputs ->
                Arrays.stream(Linear.Epilogue.values())
                    .map(epilogue -> Arguments.of(precision, inputs, outputs, epilogue)));
  }

  static Stream<Precision> precisions() {
    return OneDnn.get().precisions().stream();
  }

  private CpuOperators operators(Precision precision) {
    return opened.computeIfAbsent(precision, CpuOperators::new);
  }

  @ParameterizedTest(name = "{0}: {1} -> {2}, {3}")
  @MethodSource("layers")
  void linearLayerIsTheReferenceWithinItsRoundings(
      Precision precision, int inputs, int outputs, Linear.Epilogue epilogue) {
    LinearWeights weights = weights(inputs, outputs);
    RoundingLimit limit = new RoundingLimit(weights, epilogue, OneDnn.get().format(precision));
    try (Linear expected = reference.linear(weights, epilogue);
        Linear actual = operators(precision).linear(weights, epilogue)) {
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
          assertThat(limit.worst(x, before, y, found))
              .as("error in limits: %d rows, row %d, seed %d", rows, row, SEED)
              .isBetween(0.0, 1.0);
        }
      }
    }
  }

  static Stream<Arguments> batches() {
    return precisions()
        .flatMap(
            precision ->
                Stream.of(
                    Arguments.of(precision, 32, 32, Linear.Epilogue.NONE),
                    Arguments.of(precision, 320, 33, Linear.Epilogue.NONE),
                    Arguments.of(precision, 320, 1280, Linear.Epilogue.GELU),
                    Arguments.of(precision, 1280, 320, Linear.Epilogue.ADD),
                    Arguments.of(precision, 480, 1920, Linear.Epilogue.GELU),
                    Arguments.of(precision, 1280, 1280, Linear.Epilogue.NONE)));
  }

  @ParameterizedTest(name = "{0}: {1} -> {2}, {3}")
  @MethodSource("batches")
  void rowDoesNotDependOnTheBatchAroundIt(
      Precision precision, int inputs, int outputs, Linear.Epilogue epilogue) {
    int most = 500;
    float[] input = values(most * inputs, 5, 1f);
    float[] residual = values(most * outputs, 6, 1f);
    try (Linear linear = operators(precision).linear(weights(inputs, outputs), epilogue)) {
      float[] all = residual.clone();
      linear.apply(input, most, all);
      for (int rows : new int[] {1, 2, 3, 7, 9, 31, 64, 127, 129, 400}) {
        int first = most - rows;
        float[] some = Arrays.copyOfRange(residual, first * outputs, most * outputs);
        linear.apply(Arrays.copyOfRange(input, first * inputs, most * inputs), rows, some);
        assertThat(Arrays.mismatch(some, Arrays.copyOfRange(all, first * outputs, most * outputs)))
            .as("first differing element of the last %d rows, seed %d", rows, SEED)
            .isEqualTo(-1);
      }
    }
  }

  /** To the bit: a block of rows only skips the copies between one operator and the next. */
  @ParameterizedTest
  @MethodSource("precisions")
  void normedLinearsAreTheirPartsOneAfterTheOther(Precision precision) {
    int hidden = 80;
    EsmOperators fused = operators(precision);
    LayerNormWeights norm = new LayerNormWeights(values(hidden, 8, 1f), values(hidden, 9, 1f));
    try (Linear wide = fused.linear(weights(hidden, 320), Linear.Epilogue.NONE);
        Linear narrow = fused.linear(weights(hidden, 33), Linear.Epilogue.NONE)) {
      for (int rows : new int[] {1, 31, 128, 300}) {
        float[] x = values(rows * hidden, 12, 3f);
        float[][] together = {new float[rows * 320], new float[rows * 33]};
        float[][] apart = {new float[rows * 320], new float[rows * 33]};
        fused.normedLinears(x, rows, norm, 1e-5f, new Linear[] {wide, narrow}, together);
        float[] normed = new float[x.length];
        fused.layerNorm(x, rows, norm, 1e-5f, normed);
        wide.apply(normed, rows, apart[0]);
        narrow.apply(normed, rows, apart[1]);
        assertThat(together[0]).as("%d rows, seed %d", rows, SEED).isEqualTo(apart[0]);
        assertThat(together[1]).as("%d rows, seed %d", rows, SEED).isEqualTo(apart[1]);
      }
    }
  }

  /** To the bit, as above. */
  @ParameterizedTest
  @MethodSource("precisions")
  void feedForwardIsItsPartsOneAfterTheOther(Precision precision) {
    int hidden = 80;
    EsmOperators fused = operators(precision);
    LayerNormWeights norm = new LayerNormWeights(values(hidden, 8, 1f), values(hidden, 9, 1f));
    try (Linear up = fused.linear(weights(hidden, 320), Linear.Epilogue.GELU);
        Linear down = fused.linear(weights(320, hidden), Linear.Epilogue.ADD)) {
      for (int rows : new int[] {1, 31, 128, 300}) {
        float[] together = values(rows * hidden, 12, 3f);
        float[] apart = together.clone();
        fused.feedForward(together, rows, norm, 1e-5f, up, down);
        float[] normed = new float[apart.length];
        fused.layerNorm(apart, rows, norm, 1e-5f, normed);
        float[] wide = new float[rows * 320];
        up.apply(normed, rows, wide);
        down.apply(wide, rows, apart);
        assertThat(together).as("%d rows, seed %d", rows, SEED).isEqualTo(apart);
      }
    }
  }

  /** To the bit, at every width of a vector and where none fits. */
  @ParameterizedTest
  @ValueSource(ints = {2, 6, 16, 24, 32, 64, 128})
  void rotationIsTheReferences(int headDim) {
    int heads = 5;
    float[] expected = values(2 + heads * headDim, 15, 3f);
    float[] actual = expected.clone();
    float[] cosines = values(headDim, 16, 1f);
    float[] sines = values(headDim, 17, 1f);
    int half = headDim / 2;
    reference.rotate(expected, 2, heads, half, cosines, sines, half, 0.3f);
    operators.rotate(actual, 2, heads, half, cosines, sines, half, 0.3f);
    assertThat(actual).as("seed %d", SEED).isEqualTo(expected);
  }

  @ParameterizedTest
  @MethodSource("precisions")
  void rowThatHoldsNoNumberSpoilsItselfAlone(Precision precision) {
    int size = 64;
    float[] input = values(3 * size, 13, 1f);
    input[size + 5] = Float.NaN;
    float[] clean = input.clone();
    clean[size + 5] = 0;
    float[] found = new float[3 * size];
    float[] expected = new float[3 * size];
    try (Linear linear = operators(precision).linear(weights(size, size), Linear.Epilogue.NONE)) {
      linear.apply(input, 3, found);
      linear.apply(clean, 3, expected);
    }
    for (int i = 0; i < found.length; i++) {
      if (i / size == 1) {
        assertThat(found[i]).isNaN();
      } else {
        assertThat(found[i]).isEqualTo(expected[i]);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("precisions")
  void fullPrecisionLayerIsSoInAnyPrecision(Precision precision) {
    LinearWeights weights = weights(64, 33);
    float[] input = values(5 * 64, 14, 1f);
    float[] found = new float[5 * 33];
    float[] expected = new float[5 * 33];
    try (Linear linear = operators(precision).fullPrecisionLinear(weights, Linear.Epilogue.NONE);
        Linear single = operators(Precision.F32).linear(weights, Linear.Epilogue.NONE)) {
      linear.apply(input, 5, found);
      single.apply(input, 5, expected);
    }
    assertThat(found).isEqualTo(expected);
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
