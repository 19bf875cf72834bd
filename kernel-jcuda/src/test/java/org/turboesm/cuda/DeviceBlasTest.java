package org.turboesm.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Products in every format against loops in double, into rows that are wider than the product. */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DeviceBlasTest {
  private static final long SEED = 20260201;
  private static final float UNTOUCHED = 77;

  private final OpenDevice device = new OpenDevice();
  private final DeviceBlas blas = new DeviceBlas(device.stream());

  @AfterAll
  void close() {
    blas.close();
    device.close();
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1, 1", "1, 320, 96, 96", "2, 33, 31, 40", "33, 64, 32, 96"})
  void floatsAreSummedAsFloats(int rows, int inputs, int outputs, int stride) {
    checkFloats(DeviceBlas.Format.F32, 0x1p-24, rows, inputs, outputs, stride);
  }

  /** Each factor keeps 10 bits behind the first: rounded or cut, it is off by less than 2^-10. */
  @ParameterizedTest
  @CsvSource({"1, 1, 1, 1", "2, 33, 31, 40", "33, 64, 32, 96"})
  void tf32LosesAtMostTheFactorsBits(int rows, int inputs, int outputs, int stride) {
    checkFloats(DeviceBlas.Format.TF32, 0x1p-10, rows, inputs, outputs, stride);
  }

  /**
   * Two factors off by {@code loss} each, and a sum of floats in any order: as many roundings as
   * terms, of all magnitudes together.
   */
  private void checkFloats(
      DeviceBlas.Format format, double loss, int rows, int inputs, int outputs, int stride) {
    SplittableRandom random = new SplittableRandom(SEED);
    float[] x = gaussians(random, rows * inputs);
    float[] w = gaussians(random, outputs * inputs);
    float[] before = new float[rows * stride];
    Arrays.fill(before, UNTOUCHED);
    try (DeviceBuffer weights = device.upload(w);
        DeviceBuffer input = device.upload(x);
        DeviceBuffer products = device.upload(before)) {
      blas.multiply(format, weights, input, rows, inputs, outputs, products, stride);
      float[] actual = products.floats(rows * stride);
      double part = format == DeviceBlas.Format.F32 ? 0 : 2 * loss + loss * loss;
      for (int r = 0; r < rows; r++) {
        for (int o = 0; o < outputs; o++) {
          Sum expected = Sum.of(x, r * inputs, w, o * inputs, inputs);
          assertThat((double) actual[r * stride + o])
              .as("%s, row %d, output %d, seed %d", format, r, o, SEED)
              .isCloseTo(expected.value, within(expected.magnitude * (part + inputs * 0x1p-23)));
        }
        for (int o = outputs; o < stride; o++) {
          assertThat(actual[r * stride + o]).as("past row %d", r).isEqualTo(UNTOUCHED);
        }
      }
    }
  }

  /** Factors are exact bfloat16, sums are floats, and the result is rounded to 8 bits once. */
  @ParameterizedTest
  @CsvSource({"1, 1, 1, 1", "2, 33, 31, 40", "33, 64, 32, 96"})
  void bfloat16IsRoundedOnce(int rows, int inputs, int outputs, int stride) {
    SplittableRandom random = new SplittableRandom(SEED);
    float[] x = floats(random, rows * inputs);
    float[] w = floats(random, outputs * inputs);
    short[] before = new short[rows * stride];
    Arrays.fill(before, upperHalf(UNTOUCHED));
    try (DeviceBuffer weights = DeviceBuffer.of(device.context(), upperHalves(w), "a test");
        DeviceBuffer input = DeviceBuffer.of(device.context(), upperHalves(x), "a test");
        DeviceBuffer products = DeviceBuffer.of(device.context(), before, "a test")) {
      blas.multiply(
          DeviceBlas.Format.BF16, weights, input, rows, inputs, outputs, products, stride);
      short[] actual = products.shorts(rows * stride);
      for (int r = 0; r < rows; r++) {
        for (int o = 0; o < outputs; o++) {
          Sum expected = Sum.of(x, r * inputs, w, o * inputs, inputs);
          double sumError = expected.magnitude * inputs * 0x1p-23;
          assertThat((double) widened(actual[r * stride + o]))
              .as("row %d, output %d, seed %d", r, o, SEED)
              .isCloseTo(
                  expected.value,
                  within(sumError + 0x1p-8 * (Math.abs(expected.value) + sumError)));
        }
        for (int o = outputs; o < stride; o++) {
          assertThat(widened(actual[r * stride + o])).isEqualTo(UNTOUCHED);
        }
      }
    }
  }

  /** The largest sums too: 5120 * 4 products of -128 * -128 stay below 2^31. */
  @ParameterizedTest
  @CsvSource({"1, 4, 4, 4", "2, 32, 36, 40", "33, 64, 32, 96", "1, 20480, 4, 4"})
  void bytesAreSummedExactly(int rows, int inputs, int outputs, int stride) {
    SplittableRandom random = new SplittableRandom(SEED);
    byte[] x = bytes(random, rows * inputs);
    byte[] w = bytes(random, outputs * inputs);
    Arrays.fill(x, 0, inputs, Byte.MIN_VALUE);
    Arrays.fill(w, 0, inputs, Byte.MIN_VALUE);
    int[] expected = new int[rows * stride];
    Arrays.fill(expected, (int) UNTOUCHED);
    try (DeviceBuffer weights = DeviceBuffer.of(device.context(), w, "a test");
        DeviceBuffer input = DeviceBuffer.of(device.context(), x, "a test");
        DeviceBuffer products = device.upload(expected)) {
      for (int r = 0; r < rows; r++) {
        for (int o = 0; o < outputs; o++) {
          int sum = 0;
          for (int i = 0; i < inputs; i++) {
            sum += x[r * inputs + i] * w[o * inputs + i];
          }
          expected[r * stride + o] = sum;
        }
      }
      blas.multiply(
          DeviceBlas.Format.INT8, weights, input, rows, inputs, outputs, products, stride);
      assertThat(products.ints(rows * stride)).as("seed %d", SEED).isEqualTo(expected);
    }
  }

  @Test
  void productsCanBeRecorded() {
    try (DeviceBuffer weights = device.upload(2f);
        DeviceBuffer x = device.upload(3f);
        DeviceBuffer product = device.upload(0f);
        CudaGraph graph =
            device.stream()
                .capture(
                    () -> blas.multiply(DeviceBlas.Format.F32, weights, x, 1, 1, 1, product, 1))) {
      assertThat(product.floats(1)).containsExactly(0f);
      graph.launch(device.stream());
      assertThat(product.floats(1)).containsExactly(6f);
    }
  }

  @Test
  void refusedProductIsAnErrorWithItsSizes() {
    try (DeviceBuffer any = device.upload(1f, 2f, 3f, 4f)) {
      assertThatThrownBy(() -> blas.multiply(DeviceBlas.Format.F32, any, any, 2, 1, 2, any, 1))
          .isInstanceOf(CudaException.class)
          .hasMessage(
              "a product of 2 rows, 1 inputs and 2 outputs in F32 failed with"
                  + " CUBLAS_STATUS_INVALID_VALUE");
      assertThat(device.context().healthy()).isTrue();
    }
  }

  @Test
  void workspaceIsFreedWithIt() {
    long before = device.context().allocatedBytes();
    DeviceBlas other = new DeviceBlas(device.stream());
    assertThat(device.context().allocatedBytes()).isEqualTo(before + DeviceBlas.WORKSPACE_BYTES);
    other.close();
    other.close();
    assertThat(device.context().allocatedBytes()).isEqualTo(before);
  }

  /**
   * A sum of products.
   *
   * @param magnitude of the same with all terms positive
   */
  private record Sum(double value, double magnitude) {
    static Sum of(float[] x, int xOffset, float[] w, int wOffset, int size) {
      double value = 0;
      double magnitude = 0;
      for (int i = 0; i < size; i++) {
        double product = (double) x[xOffset + i] * w[wOffset + i];
        value += product;
        magnitude += Math.abs(product);
      }
      return new Sum(value, magnitude);
    }
  }

  private static float[] gaussians(SplittableRandom random, int size) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  /** Random values that bfloat16 holds. */
  private static float[] floats(SplittableRandom random, int size) {
    float[] values = gaussians(random, size);
    for (int i = 0; i < size; i++) {
      values[i] = widened(upperHalf(values[i]));
    }
    return values;
  }

  private static byte[] bytes(SplittableRandom random, int size) {
    byte[] values = new byte[size];
    for (int i = 0; i < size; i++) {
      values[i] = (byte) random.nextInt();
    }
    return values;
  }

  private static short upperHalf(float value) {
    return (short) (Float.floatToRawIntBits(value) >>> Short.SIZE);
  }

  private static short[] upperHalves(float[] values) {
    short[] halves = new short[values.length];
    for (int i = 0; i < values.length; i++) {
      halves[i] = upperHalf(values[i]);
    }
    return halves;
  }

  private static float widened(short value) {
    return Float.intBitsToFloat(value << Short.SIZE);
  }
}
