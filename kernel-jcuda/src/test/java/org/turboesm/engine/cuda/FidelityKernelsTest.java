package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
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
  void rowsAreComparedBySquares(int rows, int hidden, double apart) {
    SplittableRandom random = new SplittableRandom(SEED);
    float[] reference = RandomRows.normal(random, rows * hidden, 0, 1);
    float[] actual = RandomRows.normal(random, rows * hidden, 0, apart);
    for (int i = 0; i < actual.length; i++) {
      actual[i] += reference[i];
    }
    float[] found = rowErrors(reference, actual, rows, hidden);
    // Of a lane's elements, of its four sums and of 32 lanes; one more for the first rounding.
    int additions = (hidden % 4 == 0 ? (hidden + 127) / 128 : (hidden + 31) / 32) + 4 + 5 + 1;
    for (int r = 0; r < rows; r++) {
      double squaredReference = 0;
      double squaredError = 0;
      for (int i = r * hidden; i < (r + 1) * hidden; i++) {
        double expected = reference[i];
        double error = actual[i] - expected;
        squaredReference += expected * expected;
        squaredError += error * error;
      }
      String row = "row " + r + ", seed " + SEED;
      assertThat((double) found[2 * r])
          .as(row)
          .isCloseTo(squaredReference, within(additions * U * squaredReference));
      // An error is rounded before it is squared.
      assertThat((double) found[2 * r + 1])
          .as(row)
          .isCloseTo(squaredError, within((additions + 2) * U * squaredError));
    }
  }

  private float[] rowErrors(float[] reference, float[] actual, int rows, int hidden) {
    float[] filled = new float[2 * (rows + 1)];
    Arrays.fill(filled, UNWRITTEN);
    DeviceBuffer sums = device.upload(filled);
    kernels.rowErrors(
        device.stream(), rows, hidden, device.upload(reference), device.upload(actual), sums);
    float[] found = sums.floats(filled.length);
    assertThat(Arrays.copyOfRange(found, 2 * rows, found.length))
        .as("past the rows")
        .containsOnly(UNWRITTEN);
    return Arrays.copyOf(found, 2 * rows);
  }
}
