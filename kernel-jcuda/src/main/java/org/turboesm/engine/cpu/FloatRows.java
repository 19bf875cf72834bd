package org.turboesm.engine.cpu;

import java.nio.ByteBuffer;
import java.nio.FloatBuffer;

/** Rows of floats, as they are. */
final class FloatRows extends NativeRows {
  private FloatBuffer buffer;

  FloatRows(OneDnn library) {
    super(library, Float.BYTES);
  }

  @Override
  void bufferChanged(ByteBuffer bytes) {
    buffer = bytes.asFloatBuffer();
  }

  @Override
  void put(int firstRow, int rows, float[] source, int offset) {
    buffer.put(firstRow * width(), source, offset, rows * width());
  }

  @Override
  void get(int firstRow, int rows, float[] target, int offset) {
    buffer.get(firstRow * width(), target, offset, rows * width());
  }
}
