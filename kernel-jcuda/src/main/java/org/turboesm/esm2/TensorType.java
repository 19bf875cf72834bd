package org.turboesm.esm2;

import java.nio.ByteBuffer;

/** The stored number formats of a weight. */
enum TensorType {
  F32(4) {
    @Override
    void read(ByteBuffer source, float[] target, int offset, int count) {
      source.slice(0, 4 * count).order(source.order()).asFloatBuffer().get(target, offset, count);
    }
  },
  F16(2) {
    @Override
    void read(ByteBuffer source, float[] target, int offset, int count) {
      for (int i = 0; i < count; i++) {
        target[offset + i] = halfToFloat(source.getShort(2 * i));
      }
    }
  },
  BF16(2) {
    @Override
    void read(ByteBuffer source, float[] target, int offset, int count) {
      for (int i = 0; i < count; i++) {
        target[offset + i] = Float.intBitsToFloat(source.getShort(2 * i) << 16);
      }
    }
  };

  private final int bytes;

  TensorType(int bytes) {
    this.bytes = bytes;
  }

  int bytes() {
    return bytes;
  }

  /**
   * Widens little-endian values to floats; exact in every format.
   *
   * @param source [count] from byte 0 on, whatever its position
   * @param target [count] from {@code offset} on
   */
  abstract void read(ByteBuffer source, float[] target, int offset, int count);

  /** IEEE 754 binary16 to binary32; Float.float16ToFloat is there only from JDK 20 on. */
  static float halfToFloat(short half) {
    int sign = (half & 0x8000) << 16;
    int exponent = (half >> 10) & 0x1f;
    int fraction = half & 0x3ff;
    if (exponent == 0) {
      float subnormal = fraction * 0x1p-24f;
      return sign == 0 ? subnormal : -subnormal;
    }
    int wideExponent = exponent == 0x1f ? 0xff : exponent + 112;
    return Float.intBitsToFloat(sign | wideExponent << 23 | fraction << 13);
  }
}
