package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

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
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.attention.vector.Bfloat16;
import org.turboesm.cuda.DeviceBuffer;

/** Quantization on the device against plain loops: equal to the bit. */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class QuantizeKernelsTest {
  private static final long SEED = 20260101;
  private static final byte UNWRITTEN = 42;

  private final Map<Integer, QuantizeKernels> kernels = new HashMap<>();
  private final TestDevice device = new TestDevice();

  @AfterEach
  void freeBuffers() {
    device.freeBuffers();
  }

  @AfterAll
  void close() {
    device.close();
  }

  private QuantizeKernels kernels(int width) {
    return kernels.computeIfAbsent(width, w -> new QuantizeKernels(device.library(), w));
  }

  @ParameterizedTest
  @ValueSource(ints = {33, 36, 48, 320, 1280, 2560, 5120})
  void everyValueIsTheNearestStepOfItsRow(int width) {
    for (int rows : new int[] {1, 2, 31, 33}) {
      SplittableRandom random = new SplittableRandom(SEED + rows);
      float[] x = RandomRows.normal(random, rows * width, 0, 1);
      for (int r = 0; r < rows; r++) {
        // Rows of all sizes; the largest at all places.
        float size = Math.scalb(1f, r % 41 - 20);
        for (int c = 0; c < width; c++) {
          x[r * width + c] *= size;
        }
        x[r * width + r * 7 % width] *= 10;
      }
      check(x, rows, width);
      device.freeBuffers();
    }
  }

  @Test
  void halvesGoToTheEvenStep() {
    float[] x = new float[48];
    float[] first = {127, 0.5f, 1.5f, -0.5f, -1.5f, 2.5f, -127, 126.5f};
    System.arraycopy(first, 0, x, 0, first.length);
    byte[] found = quantize(x, 1, 48).values;
    assertThat(Arrays.copyOf(found, first.length)).containsExactly(127, 0, 2, 0, -2, 2, -127, 126);
  }

  @ParameterizedTest
  @ValueSource(floats = {0f, 1e-40f, 1e-32f})
  void rowOfNothingIsZeros(float value) {
    float[] x = new float[3 * 320];
    Arrays.fill(x, 1);
    Arrays.fill(x, 320, 640, 0);
    x[320 + 17] = value;
    Quantized found = quantize(x, 3, 320);
    assertThat(Arrays.copyOfRange(found.values, 320, 640)).containsOnly(0);
    assertThat(found.scales[1]).isBetween(0f, 1e-30f);
    assertThat(Arrays.copyOf(found.values, 320)).containsOnly(127);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 20, 319})
  void scaleOfARowWithNoNumberIsNone(int position) {
    float[] x = new float[3 * 320];
    Arrays.fill(x, 2);
    x[320 + position] = Float.NaN;
    assertThat(quantize(x, 3, 320).scales).containsExactly(2f / 127, Float.NaN, 2f / 127);
  }

  private record Quantized(byte[] values, float[] scales) {}

  private Quantized quantize(float[] x, int rows, int width) {
    short[] rounded = new short[x.length];
    for (int i = 0; i < x.length; i++) {
      rounded[i] = Bfloat16.round(x[i]);
    }
    byte[] filled = new byte[(rows + 1) * width];
    Arrays.fill(filled, UNWRITTEN);
    float[] filledScales = new float[rows + 1];
    Arrays.fill(filledScales, UNWRITTEN);
    DeviceBuffer values = device.upload(filled);
    DeviceBuffer scales = device.upload(filledScales);
    kernels(width)
        .quantize(device.stream(), rows, device.upload(rounded), new LinearInput(values, scales));
    byte[] foundValues = values.bytes(filled.length);
    float[] foundScales = scales.floats(rows + 1);
    assertThat(Arrays.copyOfRange(foundValues, rows * width, filled.length))
        .as("past the rows")
        .containsOnly(UNWRITTEN);
    assertThat(foundScales[rows]).as("past the rows").isEqualTo(UNWRITTEN);
    return new Quantized(
        Arrays.copyOf(foundValues, rows * width), Arrays.copyOf(foundScales, rows));
  }

  /** The product of value and inverse scale is exact in double, so that it rounds once. */
  private void check(float[] x, int rows, int width) {
    Quantized found = quantize(x, rows, width);
    for (int r = 0; r < rows; r++) {
      float largest = 0;
      float[] row = new float[width];
      for (int c = 0; c < width; c++) {
        row[c] = Float.intBitsToFloat(Bfloat16.round(x[r * width + c]) << 16);
        largest = Math.max(largest, Math.abs(row[c]));
      }
      assertThat(found.scales[r]).as("row %d, seed %d", r, SEED).isEqualTo(largest / 127);
      byte[] expected = new byte[width];
      for (int c = 0; c < width; c++) {
        expected[c] = (byte) Math.rint((double) row[c] * (127 / largest));
      }
      assertThat(Arrays.copyOfRange(found.values, r * width, (r + 1) * width))
          .as("row %d of %d, seed %d", r, rows, SEED)
          .isEqualTo(expected);
    }
  }
}
