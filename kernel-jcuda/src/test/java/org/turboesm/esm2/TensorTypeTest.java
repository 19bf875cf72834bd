package org.turboesm.esm2;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TensorTypeTest {

  @Test
  void everyHalfWidensToItsValue() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      float expected = (float) half(bits);
      float widened = TensorType.halfToFloat((short) bits);
      if (Float.compare(widened, expected) != 0) {
        throw new AssertionError("%04x is %s, not %s".formatted(bits, widened, expected));
      }
    }
  }

  @Test
  void smallestSubnormalHalfIsTwoToTheMinusTwentyFour() {
    assertThat(TensorType.halfToFloat((short) 1)).isEqualTo(0x1p-24f);
  }

  @Test
  void negativeZeroHalfKeepsItsSign() {
    assertThat(Float.floatToRawIntBits(TensorType.halfToFloat((short) 0x8000)))
        .isEqualTo(0x8000_0000);
  }

  @Test
  void everyBrainFloatIsTheUpperHalfOfAFloat() {
    ByteBuffer source = littleEndian(2 << 16);
    for (int bits = 0; bits < 1 << 16; bits++) {
      source.putShort((short) bits);
    }
    float[] widened = new float[1 << 16];

    TensorType.BF16.read(source, widened, 0, widened.length);

    for (int bits = 0; bits < 1 << 16; bits++) {
      if (Float.floatToRawIntBits(widened[bits]) != bits << 16) {
        throw new AssertionError("%04x is %s".formatted(bits, widened[bits]));
      }
    }
  }

  @Test
  void halvesAreReadLittleEndian() {
    float[] values = new float[3];

    TensorType.F16.read(
        littleEndian(6).put(new byte[] {0, 0x3c, 0, (byte) 0xc0, 1, 0}), values, 0, 3);

    assertThat(values).containsExactly(1f, -2f, 0x1p-24f);
  }

  @Test
  void floatsAreReadLittleEndian() {
    float[] values = new float[2];

    TensorType.F32.read(
        littleEndian(8).put(new byte[] {0, 0, (byte) 0x80, 0x3f, 1, 0, 0, 0}).flip(), values, 0, 2);

    assertThat(values).containsExactly(1f, Float.MIN_VALUE);
  }

  @ParameterizedTest
  @EnumSource
  void valuesLandBehindTheOffsetAlone(TensorType type) {
    float[] values = {7, 7, 7, 7};

    type.read(littleEndian(2 * type.bytes()), values, 1, 2);

    assertThat(values).containsExactly(7, 0, 0, 7);
  }

  private static ByteBuffer littleEndian(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** IEEE 754-2008, 3.4: the value that the sixteen bits stand for. */
  private static double half(int bits) {
    double sign = bits >> 15 == 0 ? 1 : -1;
    int exponent = bits >> 10 & 31;
    int fraction = bits & 1023;
    if (exponent == 31) {
      return fraction == 0 ? sign / 0 : Double.NaN;
    }
    return exponent == 0
        ? sign * fraction / 1024 * Math.pow(2, -14)
        : sign * (1 + fraction / 1024.0) * Math.pow(2, exponent - 15);
  }
}
