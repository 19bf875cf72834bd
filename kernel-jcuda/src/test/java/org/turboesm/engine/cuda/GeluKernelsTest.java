package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.engine.Precision;
import org.turboesm.engine.reference.ExactGelu;

/** Bias and GELU on the device against the reference's, in double. */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class GeluKernelsTest {
  private static final long SEED = 20260101;
  private static final float UNWRITTEN = 42;

  private record Format(Precision precision, int width) {}

  private final Map<Format, GeluKernels> kernels = new HashMap<>();
  private final TestDevice device = new TestDevice();

  @AfterEach
  void freeBuffers() {
    device.freeBuffers();
  }

  @AfterAll
  void close() {
    device.close();
  }

  private GeluKernels kernels(Precision precision, int width) {
    return kernels.computeIfAbsent(
        new Format(precision, width),
        format -> new GeluKernels(device.library(), precision, width));
  }

  /**
   * How far GELU's float may be off, by itself: its polynomial's 8e-8 |x| and its power of two,
   * where an instruction errs by 2^-22 of at most a half.
   */
  private static double ownLimit(double x) {
    return (8e-8 + 0x1p-23) * Math.abs(x);
  }

  /** All kinds of pieces; rows of one warp and of several; the 15B model's, the widest. */
  @ParameterizedTest(name = "{0}, width {1}")
  @CsvSource({
    "F32, 33",
    "F32, 1280",
    "BF16, 33",
    "BF16, 36",
    "BF16, 48",
    "BF16, 5120",
    "INT8, 33",
    "INT8, 128",
    "INT8, 1280",
    "INT8, 1920",
    "INT8, 20480"
  })
  void everyElementIsTheGeluOfProductAndBias(Precision precision, int width) {
    for (int rows : width > 10_000 ? new int[] {2} : new int[] {1, 2, 31, 33}) {
      SplittableRandom random = new SplittableRandom(SEED + rows);
      RandomProduct product = RandomProduct.of(device, precision, rows, width, 1.5, random);
      ExpectedLinearInput output = new ExpectedLinearInput(device, precision, rows, width);
      kernels(precision, width)
          .biasGelu(device.stream(), rows, product.onDevice(), output.onDevice());
      double[] expected = new double[rows * width];
      double[] limits = new double[rows * width];
      for (int i = 0; i < expected.length; i++) {
        double x = product.sum(i);
        expected[i] = ExactGelu.of(x);
        // GELU's slope is below 1.13.
        limits[i] = 1.13 * product.sumLimit(i) + ownLimit(x) * (1 + 0x1p-20);
      }
      output.check(expected, limits, rows + " rows of " + width + ", seed " + SEED);
      device.freeBuffers();
    }
  }

  /** Every 2^-9 from -12 to 12, and powers of two down to where floats end. */
  @Test
  void geluIsExactAllOverItsRange() {
    int width = 1280;
    float[] x = new float[10 * width];
    for (int i = 0; i < x.length; i++) {
      x[i] =
          i <= 24 << 9 ? i * 0x1p-9f - 12 : Math.scalb(i % 2 == 0 ? 1f : -1f, 4 - (i - (24 << 9)));
    }
    DeviceBuffer values = device.upload(x);
    Product product = new Product(values, null, null, device.upload(new float[width]));
    kernels(Precision.F32, width)
        .biasGelu(device.stream(), 10, product, new LinearInput(values, null));
    float[] found = values.floats(x.length);
    for (int i = 0; i < x.length; i++) {
      assertThat((double) found[i])
          .as("GELU of %s", x[i])
          // Below the smallest normal float, steps are of 2^-149.
          .isCloseTo(ExactGelu.of(x[i]), within(ownLimit(x[i]) + 0x1p-149));
    }
  }

  @Test
  void whatIsNoNumberStaysNone() {
    float[] x = new float[1280];
    Arrays.fill(x, 1);
    x[3] = Float.NaN;
    DeviceBuffer values = device.upload(x);
    Product product = new Product(values, null, null, device.upload(new float[1280]));
    kernels(Precision.F32, 1280)
        .biasGelu(device.stream(), 1, product, new LinearInput(values, null));
    float[] found = values.floats(1280);
    assertThat(found[3]).isNaN();
    assertThat(found[2]).isEqualTo(found[4]).isFinite();
  }

  @Test
  void rowWithNoNumberIsRecognizedByItsScale() {
    float[] bias = new float[128];
    bias[77] = Float.NaN;
    float[] scales = {1, 1};
    DeviceBuffer outputScales = device.upload(new float[2]);
    Product product =
        new Product(
            device.upload(new int[256]),
            device.upload(scales),
            device.upload(new float[128]),
            device.upload(bias));
    kernels(Precision.INT8, 128)
        .biasGelu(
            device.stream(),
            2,
            product,
            new LinearInput(device.upload(new byte[256]), outputScales));
    assertThat(outputScales.floats(2)).containsOnly(Float.NaN);
  }

  @ParameterizedTest
  @EnumSource(
      value = Precision.class,
      names = {"F32", "BF16", "INT8"})
  void biasIsAddedInFloat(Precision precision) {
    int columns = 33;
    for (int rows : new int[] {1, 2, 31, 127, 1022}) {
      SplittableRandom random = new SplittableRandom(SEED + rows);
      RandomProduct product = RandomProduct.of(device, precision, rows, columns, 3, random);
      float[] filled = new float[(rows + 1) * columns];
      Arrays.fill(filled, UNWRITTEN);
      DeviceBuffer output = device.upload(filled);
      kernels(precision, 33).biasAdd(device.stream(), rows, columns, product.onDevice(), output);
      float[] found = output.floats(filled.length);
      for (int i = 0; i < rows * columns; i++) {
        assertThat((double) found[i])
            .as("element %d of %d rows, seed %d", i, rows, SEED)
            .isCloseTo(product.sum(i), within(product.sumLimit(i)));
      }
      assertThat(Arrays.copyOfRange(found, rows * columns, found.length)).containsOnly(UNWRITTEN);
      device.freeBuffers();
    }
  }
}
