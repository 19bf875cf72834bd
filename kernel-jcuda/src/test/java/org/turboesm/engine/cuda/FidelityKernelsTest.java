package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.turboesm.cuda.DeviceBuffer;

/** Comparisons of rows on the device against plain loops in double. */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class FidelityKernelsTest {
  private static final long SEED = 20260101;
  private static final double U = 0x1p-24;
  private static final float UNWRITTEN = 42;

  private final TestDevice device = new TestDevice();
  private final FidelityKernels kernels = new FidelityKernels(device.library());

  @AfterEach
  void freeBuffers() {
    device.freeBuffers();
  }

  @AfterAll
  void close() {
    device.close();
  }

  @ParameterizedTest(name = "{0} rows of {1}, apart by {2}")
  @CsvSource({
    "1, 320, 1e-3",
    "2, 33, 0.1",
    "31, 32, 1e-6",
    "32, 480, 1",
    "33, 48, 0",
    "127, 1280, 1e-2",
    "9, 5120, 0.1"
  })
  void rowsAreComparedBySquaresAndProducts(int rows, int hidden, double apart) {
    SplittableRandom random = new SplittableRandom(SEED);
    float[] reference = RandomRows.normal(random, rows * hidden, 0, 1);
    float[] actual = RandomRows.normal(random, rows * hidden, 0, apart);
    for (int i = 0; i < actual.length; i++) {
      actual[i] += reference[i];
    }
    float[] found = compareRows(reference, actual, rows, hidden);
    // Of a lane's elements, of its four sums and of 32 lanes; one more for the first rounding.
    int additions = (hidden % 4 == 0 ? (hidden + 127) / 128 : (hidden + 31) / 32) + 4 + 5 + 1;
    for (int r = 0; r < rows; r++) {
      double[] expected = new double[4];
      double dotMagnitude = 0;
      for (int i = r * hidden; i < (r + 1) * hidden; i++) {
        double a = reference[i];
        double b = actual[i];
        expected[0] += a * b;
        dotMagnitude += Math.abs(a * b);
        expected[1] += a * a;
        expected[2] += b * b;
        expected[3] += (b - a) * (b - a);
      }
      for (int k = 0; k < 4; k++) {
        // An error is rounded before it is squared.
        double roundings = additions + (k == 3 ? 2 : 0);
        double limit = roundings * U * (k == 0 ? dotMagnitude : expected[k]);
        assertThat((double) found[4 * r + k])
            .as("sum %d of row %d, seed %d", k, r, SEED)
            .isCloseTo(expected[k], within(limit));
      }
    }
  }

  private float[] compareRows(float[] reference, float[] actual, int rows, int hidden) {
    float[] filled = new float[4 * (rows + 1)];
    Arrays.fill(filled, UNWRITTEN);
    DeviceBuffer sums = device.upload(filled);
    kernels.compareRows(
        device.stream(), rows, hidden, device.upload(reference), device.upload(actual), sums);
    float[] found = sums.floats(filled.length);
    assertThat(Arrays.copyOfRange(found, 4 * rows, found.length))
        .as("past the rows")
        .containsOnly(UNWRITTEN);
    return Arrays.copyOf(found, 4 * rows);
  }

  @ParameterizedTest(name = "{0} rows of {1}, apart by {2}")
  @CsvSource({
    "1, 33, 1e-3",
    "2, 33, 3",
    "31, 20, 1e-5",
    "32, 32, 1",
    "33, 33, 0",
    "127, 33, 0.3",
    "1022, 33, 0.3",
    "3, 1, 1",
    "5, 100, 1"
  })
  void logitsAreComparedByDivergenceAndLikeliestToken(int rows, int vocabulary, double apart) {
    SplittableRandom random = new SplittableRandom(SEED);
    float[] reference = RandomRows.normal(random, rows * vocabulary, -5, 4);
    float[] actual = RandomRows.normal(random, rows * vocabulary, 0, apart);
    for (int i = 0; i < actual.length; i++) {
      actual[i] += reference[i];
    }
    Compared found = compareLogits(reference, actual, rows, vocabulary);
    int agreements = 0;
    for (int r = 0; r < rows; r++) {
      double[] p = logSoftmax(reference, r, vocabulary);
      double[] q = logSoftmax(actual, r, vocabulary);
      double divergence = 0;
      for (int i = 0; i < vocabulary; i++) {
        divergence += Math.exp(p[i]) * (p[i] - q[i]);
      }
      // The rounding to float, and in double some roundings of log-probabilities below 64.
      assertThat((double) found.divergences[r])
          .as("row %d, seed %d", r, SEED)
          .isCloseTo(divergence, within(U * divergence + 1e-13));
      int agrees = argMax(reference, r, vocabulary) == argMax(actual, r, vocabulary) ? 1 : 0;
      assertThat(found.agreements[r]).as("row %d, seed %d", r, SEED).isEqualTo(agrees);
      agreements += agrees;
    }
    if (rows >= 127) {
      assertThat(agreements).as("both outcomes are seen").isBetween(1, rows - 1);
    }
  }

  @Test
  void theFirstOfTheLargestLogitsIsTheLikeliest() {
    float[] reference = new float[3 * 40];
    float[] actual = new float[3 * 40];
    // Ties across lanes, and across a lane's own logits.
    reference[3] = reference[20] = 1;
    actual[3] = 2;
    reference[40 + 5] = reference[40 + 37] = 1;
    actual[40 + 37] = 2;
    actual[80 + 1] = -1;
    assertThat(compareLogits(reference, actual, 3, 40).agreements).containsExactly(1, 0, 1);
  }

  @Test
  void rowsWithNoNumberDivergeByNone() {
    float[] reference = new float[2 * 33];
    float[] actual = reference.clone();
    actual[40] = Float.NaN;
    float[] found = compareLogits(reference, actual, 2, 33).divergences;
    assertThat(found[0]).isZero();
    assertThat(found[1]).isNaN();
  }

  /** As in LogitAgreement, where no log-probability of such a row is a number. */
  @Test
  void likeliestTokenOfARowWithNoNumberIsTheFirst() {
    float[] reference = new float[2 * 33];
    reference[7] = 5;
    reference[9] = Float.NaN;
    reference[33 + 7] = 5;
    float[] actual = new float[2 * 33];
    assertThat(compareLogits(reference, actual, 2, 33).agreements).containsExactly(1, 0);
  }

  private record Compared(float[] divergences, int[] agreements) {}

  private Compared compareLogits(float[] reference, float[] actual, int rows, int vocabulary) {
    float[] filled = new float[rows + 1];
    Arrays.fill(filled, UNWRITTEN);
    int[] filledAgreements = new int[rows + 1];
    Arrays.fill(filledAgreements, 42);
    DeviceBuffer divergences = device.upload(filled);
    DeviceBuffer agreements = device.upload(filledAgreements);
    kernels.compareLogits(
        device.stream(),
        rows,
        vocabulary,
        device.upload(reference),
        device.upload(actual),
        divergences,
        agreements);
    float[] found = divergences.floats(rows + 1);
    int[] foundAgreements = agreements.ints(rows + 1);
    assertThat(found[rows]).as("past the rows").isEqualTo(UNWRITTEN);
    assertThat(foundAgreements[rows]).as("past the rows").isEqualTo(42);
    return new Compared(Arrays.copyOf(found, rows), Arrays.copyOf(foundAgreements, rows));
  }

  private static double[] logSoftmax(float[] logits, int row, int vocabulary) {
    double max = logits[row * vocabulary + argMax(logits, row, vocabulary)];
    double sum = 0;
    for (int i = 0; i < vocabulary; i++) {
      sum += Math.exp(logits[row * vocabulary + i] - max);
    }
    double[] result = new double[vocabulary];
    for (int i = 0; i < vocabulary; i++) {
      result[i] = logits[row * vocabulary + i] - max - Math.log(sum);
    }
    return result;
  }

  private static int argMax(float[] logits, int row, int vocabulary) {
    int best = 0;
    for (int i = 1; i < vocabulary; i++) {
      if (logits[row * vocabulary + i] > logits[row * vocabulary + best]) {
        best = i;
      }
    }
    return best;
  }
}
