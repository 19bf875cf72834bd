package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.engine.Precision;

/** A linear input on the device that a kernel is to write, with a row more than it may write. */
final class ExpectedLinearInput {
  private static final int UNWRITTEN = 42;

  private final Precision precision;
  private final int rows;
  private final int columns;
  private final DeviceBuffer values;
  private final DeviceBuffer scales;

  ExpectedLinearInput(TestDevice device, Precision precision, int rows, int columns) {
    this.precision = precision;
    this.rows = rows;
    this.columns = columns;
    int size = (rows + 1) * columns;
    switch (precision) {
      case F32 -> {
        float[] filled = new float[size];
        Arrays.fill(filled, UNWRITTEN);
        values = device.upload(filled);
      }
      case BF16 -> {
        short[] filled = new short[size];
        Arrays.fill(filled, (short) UNWRITTEN);
        values = device.upload(filled);
      }
      case INT8 -> {
        byte[] filled = new byte[size];
        Arrays.fill(filled, (byte) UNWRITTEN);
        values = device.upload(filled);
      }
      default -> throw new AssertionError(precision);
    }
    float[] filled = new float[rows + 1];
    Arrays.fill(filled, UNWRITTEN);
    scales = precision == Precision.INT8 ? device.upload(filled) : null;
  }

  LinearInput onDevice() {
    return new LinearInput(values, scales);
  }

  /**
   * Holds what was written against what should have been, and that nothing else was.
   *
   * @param expected [rows, columns]
   * @param limits [rows, columns]: how far the floats before they are rounded may be off
   * @param message of a failure
   */
  void check(double[] expected, double[] limits, String message) {
    switch (precision) {
      case F32 -> {
        float[] found = values.floats((rows + 1) * columns);
        for (int i = 0; i < expected.length; i++) {
          assertClose(found[i], expected[i], limits[i], i, message);
        }
        for (int i = expected.length; i < found.length; i++) {
          assertThat(found[i]).as("past the rows; %s", message).isEqualTo(UNWRITTEN);
        }
      }
      case BF16 -> {
        short[] found = values.shorts((rows + 1) * columns);
        for (int i = 0; i < expected.length; i++) {
          // Rounding to eight bits of significand: half a unit in the last place of 2^-7.
          double rounded = limits[i] + 0x1p-8 * (Math.abs(expected[i]) + limits[i]);
          assertClose(Float.intBitsToFloat(found[i] << 16), expected[i], rounded, i, message);
        }
        for (int i = expected.length; i < found.length; i++) {
          assertThat(found[i]).as("past the rows; %s", message).isEqualTo((short) UNWRITTEN);
        }
      }
      case INT8 -> checkQuantized(expected, limits, message);
      default -> throw new AssertionError(precision);
    }
  }

  private void checkQuantized(double[] expected, double[] limits, String message) {
    byte[] found = values.bytes((rows + 1) * columns);
    float[] foundScales = scales.floats(rows + 1);
    for (int r = 0; r < rows; r++) {
      double largest = 0;
      double largestLimit = 0;
      int largestByte = 0;
      for (int i = r * columns; i < (r + 1) * columns; i++) {
        largest = Math.max(largest, Math.abs(expected[i]));
        largestLimit = Math.max(largestLimit, limits[i]);
        largestByte = Math.max(largestByte, Math.abs(found[i]));
        // Half a step, and what the rounding of the scale and of its inverse moves: 127 steps of
        // 2^-23.
        double step = 0.5 * foundScales[r] * 1.0001;
        assertClose((double) found[i] * foundScales[r], expected[i], limits[i] + step, i, message);
      }
      assertThat(largestByte).as("largest byte of row %d; %s", r, message).isEqualTo(127);
      // Maxima differ by no more than values do; the division rounds once.
      assertThat(127.0 * foundScales[r])
          .as("scale of row %d; %s", r, message)
          .isCloseTo(largest, within(largestLimit + 0x1p-23 * largest));
    }
    for (int i = expected.length; i < found.length; i++) {
      assertThat(found[i]).as("past the rows; %s", message).isEqualTo((byte) UNWRITTEN);
    }
    assertThat(foundScales[rows]).as("scale past the rows; %s", message).isEqualTo(UNWRITTEN);
  }

  private void assertClose(double found, double expected, double limit, int index, String message) {
    if (!(Math.abs(found - expected) <= limit)) {
      throw new AssertionError(
          String.format(
              "row %d, column %d: found %s, expected %s within %s; %s",
              index / columns, index % columns, found, expected, limit, message));
    }
  }
}
