package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.engine.Precision;

/** LayerNorm on the device, with and without the residual's update, against loops in double. */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LayerNormKernelsTest {
  private static final long SEED = 20260101;
  private static final float EPS = 1e-5f;
  private static final int[] ROWS = {1, 2, 31, 33};

  private record Format(Precision precision, int hidden) {}

  private final Map<Format, LayerNormKernels> kernels = new HashMap<>();
  private final TestDevice device = new TestDevice();

  @AfterEach
  void freeBuffers() {
    device.freeBuffers();
  }

  @AfterAll
  void close() {
    device.close();
  }

  private LayerNormKernels kernels(Precision precision, int hidden) {
    return kernels.computeIfAbsent(
        new Format(precision, hidden),
        format -> new LayerNormKernels(device.library(), precision, hidden));
  }

  /** One row a block, several; rows of one warp and of several; even and odd widths. */
  @ParameterizedTest(name = "{0}, hidden {1}")
  @CsvSource({
    "F32, 33",
    "F32, 320",
    "F32, 1280",
    "BF16, 48",
    "BF16, 1280",
    "BF16, 1920",
    "BF16, 5120",
    "INT8, 33",
    "INT8, 64",
    "INT8, 480",
    "INT8, 1280"
  })
  void residualIsUpdatedAndNormed(Precision precision, int hidden) {
    for (int rows : ROWS) {
      Rows test = new Rows(precision, hidden, rows, 0);
      RandomProduct delta =
          RandomProduct.of(device, precision, rows, hidden, 0.5, new SplittableRandom(SEED + rows));
      ExpectedLinearInput normed = new ExpectedLinearInput(device, precision, rows, hidden);
      kernels(precision, hidden)
          .normResidual(
              device.stream(),
              rows,
              test.xOnDevice,
              Optional.of(delta.onDevice()),
              test.weightOnDevice,
              test.biasOnDevice,
              EPS,
              normed.onDevice());
      float[] updated = test.xOnDevice.floats(test.x.length);
      for (int i = 0; i < rows * hidden; i++) {
        double expected = test.x[i] + delta.sum(i);
        // The sum's own error, and the rounding of the addition.
        double limit = delta.sumLimit(i) * (1 + 0x1p-24) + 0x1p-24 * Math.abs(expected);
        assertThat((double) updated[i])
            .as("x in row %d, column %d, seed %d", i / hidden, i % hidden, SEED)
            .isCloseTo(expected, within(limit));
      }
      assertThat(Arrays.copyOfRange(updated, rows * hidden, updated.length))
          .as("x past the rows")
          .isEqualTo(Arrays.copyOfRange(test.x, rows * hidden, updated.length));
      Expected expected = test.expected(updated, 0);
      normed.check(expected.normed, expected.limits, test.toString());
      device.freeBuffers();
    }
  }

  @ParameterizedTest(name = "{0}, hidden {1}")
  @CsvSource({"F32, 320", "BF16, 1280", "INT8, 480"})
  void withoutDeltaTheResidualIsNormedAsItIs(Precision precision, int hidden) {
    for (int rows : ROWS) {
      Rows test = new Rows(precision, hidden, rows, 0);
      ExpectedLinearInput normed = new ExpectedLinearInput(device, precision, rows, hidden);
      kernels(precision, hidden)
          .normResidual(
              device.stream(),
              rows,
              test.xOnDevice,
              Optional.empty(),
              test.weightOnDevice,
              test.biasOnDevice,
              EPS,
              normed.onDevice());
      assertThat(test.xOnDevice.floats(test.x.length)).isEqualTo(test.x);
      Expected expected = test.expected(test.x, 0);
      normed.check(expected.normed, expected.limits, test.toString());
      device.freeBuffers();
    }
  }

  @ParameterizedTest(name = "{0}, hidden {1}")
  @CsvSource({"F32, 33", "F32, 1280", "BF16, 1920", "INT8, 480"})
  void finalNormIsFloatAndLeavesTheResidual(Precision precision, int hidden) {
    for (int rows : ROWS) {
      Rows test = new Rows(precision, hidden, rows, 0);
      RandomProduct delta =
          RandomProduct.of(device, precision, rows, hidden, 0.5, new SplittableRandom(SEED + rows));
      ExpectedLinearInput normed = new ExpectedLinearInput(device, Precision.F32, rows, hidden);
      kernels(precision, hidden)
          .normFinal(
              device.stream(),
              rows,
              test.xOnDevice,
              Optional.of(delta.onDevice()),
              test.weightOnDevice,
              test.biasOnDevice,
              EPS,
              normed.onDevice().values());
      assertThat(test.xOnDevice.floats(test.x.length)).isEqualTo(test.x);
      float[] sums = test.x.clone();
      double worst = 0;
      for (int i = 0; i < rows * hidden; i++) {
        double sum = test.x[i] + delta.sum(i);
        sums[i] = (float) sum;
        // As for x above, and the rounding of what is compared here.
        worst = Math.max(worst, delta.sumLimit(i) + 0x1p-23 * Math.abs(sum));
      }
      Expected expected = test.expected(sums, worst);
      normed.check(expected.normed, expected.limits, test.toString());
      device.freeBuffers();
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Precision.class,
      names = {"F32", "BF16", "INT8"})
  void finalNormMayWriteOverTheResidual(Precision precision) {
    int hidden = precision == Precision.BF16 ? 1280 : 480;
    Rows test = new Rows(precision, hidden, 33, 0);
    kernels(precision, hidden)
        .normFinal(
            device.stream(),
            33,
            test.xOnDevice,
            Optional.empty(),
            test.weightOnDevice,
            test.biasOnDevice,
            EPS,
            test.xOnDevice);
    float[] found = test.xOnDevice.floats(test.x.length);
    Expected expected = test.expected(test.x, 0);
    for (int i = 0; i < 33 * hidden; i++) {
      assertThat((double) found[i])
          .as("element %d, %s", i, test)
          .isCloseTo(expected.normed[i], within(expected.limits[i]));
    }
    assertThat(Arrays.copyOfRange(found, 33 * hidden, found.length))
        .isEqualTo(Arrays.copyOfRange(test.x, 33 * hidden, found.length));
  }

  /** A variance by E[x^2] - E[x]^2 would be off by a tenth here. */
  @ParameterizedTest
  @CsvSource({"320", "1280"})
  void rowsFarFromZeroKeepTheirVariance(int hidden) {
    Rows test = new Rows(Precision.F32, hidden, 31, 1000);
    ExpectedLinearInput normed = new ExpectedLinearInput(device, Precision.F32, 31, hidden);
    kernels(Precision.F32, hidden)
        .normFinal(
            device.stream(),
            31,
            test.xOnDevice,
            Optional.empty(),
            test.weightOnDevice,
            test.biasOnDevice,
            EPS,
            normed.onDevice().values());
    Expected expected = test.expected(test.x, 0);
    normed.check(expected.normed, expected.limits, test.toString());
  }

  @ParameterizedTest
  @CsvSource({"0", "479"})
  void rowWithNoNumberIsRecognizedByItsScale(int column) {
    Rows test = new Rows(Precision.INT8, 480, 3, 0);
    test.x[480 + column] = Float.NaN;
    DeviceBuffer x = device.upload(test.x);
    DeviceBuffer scales = device.upload(new float[3]);
    kernels(Precision.INT8, 480)
        .normResidual(
            device.stream(),
            3,
            x,
            Optional.empty(),
            test.weightOnDevice,
            test.biasOnDevice,
            EPS,
            new LinearInput(device.upload(new byte[3 * 480]), scales));
    float[] found = scales.floats(3);
    assertThat(found[1]).isNaN();
    assertThat(found[0]).isPositive();
    assertThat(found[2]).isPositive();
  }

  /**
   * What a LayerNorm should give.
   *
   * @param normed [rows, hidden]
   * @param limits [rows, hidden]: how far its float may be off
   */
  private record Expected(double[] normed, double[] limits) {}

  /** Rows of a residual stream, one more than are normed, and a LayerNorm's weights. */
  private final class Rows {
    private final int hidden;
    private final int rows;
    private final int additions;
    private final float[] x;
    private final float[] weight;
    private final float[] bias;
    private final DeviceBuffer xOnDevice;
    private final DeviceBuffer weightOnDevice;
    private final DeviceBuffer biasOnDevice;

    Rows(Precision precision, int hidden, int rows, double mean) {
      this.hidden = hidden;
      this.rows = rows;
      RowTiling tiling = RowTiling.of(hidden, 4);
      // Of a thread's own elements, of a warp's lanes and of a row's warps.
      additions = 5 * tiling.piece() + 5 + tiling.warps();
      SplittableRandom random = new SplittableRandom(SEED + precision.ordinal());
      x = RandomRows.normal(random, (rows + 1) * hidden, mean, 1);
      weight = RandomRows.uniform(random, hidden, -2, 2);
      bias = RandomRows.normal(random, hidden, 0, 0.3);
      xOnDevice = device.upload(x);
      weightOnDevice = device.upload(weight);
      biasOnDevice = device.upload(bias);
    }

    /**
     * LayerNorm in double, with its limit in float. With u = 2^-24 and m additions a sum: the mean
     * is off by e = (m + 1) u mean |x|, which all deviations are then off by, beside u of their
     * own; the sum of their squares by (m + 4) u and (e / deviation)^2 relatively, halved by the
     * root, which with eps, division and a reciprocal of two units in the last place adds 6 u. What
     * x is off by itself moves mean and deviation by no more than that.
     *
     * @param values [rows, hidden]
     * @param error that the values may be off by
     */
    Expected expected(float[] values, double error) {
      double u = 0x1p-24;
      double[] normed = new double[rows * hidden];
      double[] limits = new double[rows * hidden];
      for (int first = 0; first < rows * hidden; first += hidden) {
        double mean = 0;
        double magnitude = 0;
        for (int c = 0; c < hidden; c++) {
          mean += values[first + c] / (double) hidden;
          magnitude += Math.abs(values[first + c]) / (double) hidden;
        }
        double variance = 0;
        for (int c = 0; c < hidden; c++) {
          variance += Math.pow(values[first + c] - mean, 2) / hidden;
        }
        double deviation = Math.sqrt(variance + EPS);
        double meanError = (additions + 1) * u * magnitude / deviation;
        double scaleError =
            (additions + 4) * u / 2 + meanError * meanError / 2 + 6 * u + error / deviation;
        for (int c = 0; c < hidden; c++) {
          double z = (values[first + c] - mean) / deviation;
          double scaled = z * weight[c];
          normed[first + c] = scaled + bias[c];
          limits[first + c] =
              Math.abs(weight[c]) * (meanError + 2 * error / deviation)
                  + Math.abs(scaled) * (scaleError + 3 * u)
                  + u * Math.abs(normed[first + c]);
        }
      }
      return new Expected(normed, limits);
    }

    @Override
    public String toString() {
      return rows + " rows of " + hidden + ", seed " + SEED;
    }
  }
}
