package org.turboesm.attention.vector;

import jdk.incubator.vector.FloatVector;

/**
 * C = A B for four rows of A and a few vectors' width of B, accumulated in registers: sixteen
 * accumulators at full width, enough to hide the latency of a fused multiply-add.
 */
final class TileMultiply {
  /** Rows of a tile. */
  static final int ROWS = 4;

  /** Vectors of a tile's full width. */
  static final int VECTORS = 4;

  private TileMultiply() {}

  /**
   * Multiplies a tile of any width.
   *
   * @param a [4, inner] with rows {@code aStride} apart
   * @param b [inner, vectors * lanes] with rows {@code bStride} apart
   * @param c [4, vectors * lanes] with rows {@code cStride} apart, overwritten
   * @param vectors any number; four at a time, then one by one
   */
  static void multiply(
      float[] a,
      int aStride,
      float[] b,
      int bOffset,
      int bStride,
      int inner,
      int vectors,
      float[] c,
      int cOffset,
      int cStride) {
    int v = 0;
    for (; v + VECTORS <= vectors; v += VECTORS) {
      int column = v * Lanes.COUNT;
      four(a, aStride, b, bOffset + column, bStride, inner, c, cOffset + column, cStride);
    }
    for (; v < vectors; v++) {
      int column = v * Lanes.COUNT;
      one(a, aStride, b, bOffset + column, bStride, inner, c, cOffset + column, cStride);
    }
  }

  private static void four(
      float[] a,
      int aStride,
      float[] b,
      int bOffset,
      int bStride,
      int inner,
      float[] c,
      int cOffset,
      int cStride) {
    int lanes = Lanes.COUNT;
    FloatVector zero = Lanes.broadcast(0);
    FloatVector c00 = zero;
    FloatVector c01 = zero;
    FloatVector c02 = zero;
    FloatVector c03 = zero;
    FloatVector c10 = zero;
    FloatVector c11 = zero;
    FloatVector c12 = zero;
    FloatVector c13 = zero;
    FloatVector c20 = zero;
    FloatVector c21 = zero;
    FloatVector c22 = zero;
    FloatVector c23 = zero;
    FloatVector c30 = zero;
    FloatVector c31 = zero;
    FloatVector c32 = zero;
    FloatVector c33 = zero;
    for (int i = 0; i < inner; i++) {
      int row = bOffset + i * bStride;
      FloatVector b0 = Lanes.load(b, row);
      FloatVector b1 = Lanes.load(b, row + lanes);
      FloatVector b2 = Lanes.load(b, row + 2 * lanes);
      FloatVector b3 = Lanes.load(b, row + 3 * lanes);
      FloatVector a0 = Lanes.broadcast(a[i]);
      c00 = b0.fma(a0, c00);
      c01 = b1.fma(a0, c01);
      c02 = b2.fma(a0, c02);
      c03 = b3.fma(a0, c03);
      FloatVector a1 = Lanes.broadcast(a[aStride + i]);
      c10 = b0.fma(a1, c10);
      c11 = b1.fma(a1, c11);
      c12 = b2.fma(a1, c12);
      c13 = b3.fma(a1, c13);
      FloatVector a2 = Lanes.broadcast(a[2 * aStride + i]);
      c20 = b0.fma(a2, c20);
      c21 = b1.fma(a2, c21);
      c22 = b2.fma(a2, c22);
      c23 = b3.fma(a2, c23);
      FloatVector a3 = Lanes.broadcast(a[3 * aStride + i]);
      c30 = b0.fma(a3, c30);
      c31 = b1.fma(a3, c31);
      c32 = b2.fma(a3, c32);
      c33 = b3.fma(a3, c33);
    }
    store(c, cOffset, c00, c01, c02, c03);
    store(c, cOffset + cStride, c10, c11, c12, c13);
    store(c, cOffset + 2 * cStride, c20, c21, c22, c23);
    store(c, cOffset + 3 * cStride, c30, c31, c32, c33);
  }

  private static void store(
      float[] c, int offset, FloatVector v0, FloatVector v1, FloatVector v2, FloatVector v3) {
    v0.intoArray(c, offset);
    v1.intoArray(c, offset + Lanes.COUNT);
    v2.intoArray(c, offset + 2 * Lanes.COUNT);
    v3.intoArray(c, offset + 3 * Lanes.COUNT);
  }

  private static void one(
      float[] a,
      int aStride,
      float[] b,
      int bOffset,
      int bStride,
      int inner,
      float[] c,
      int cOffset,
      int cStride) {
    FloatVector c0 = Lanes.broadcast(0);
    FloatVector c1 = c0;
    FloatVector c2 = c0;
    FloatVector c3 = c0;
    for (int i = 0; i < inner; i++) {
      FloatVector row = Lanes.load(b, bOffset + i * bStride);
      c0 = row.fma(Lanes.broadcast(a[i]), c0);
      c1 = row.fma(Lanes.broadcast(a[aStride + i]), c1);
      c2 = row.fma(Lanes.broadcast(a[2 * aStride + i]), c2);
      c3 = row.fma(Lanes.broadcast(a[3 * aStride + i]), c3);
    }
    c0.intoArray(c, cOffset);
    c1.intoArray(c, cOffset + cStride);
    c2.intoArray(c, cOffset + 2 * cStride);
    c3.intoArray(c, cOffset + 3 * cStride);
  }
}
