package org.turboesm.engine.cpu;

import java.nio.ByteBuffer;
import java.nio.ShortBuffer;
import org.turboesm.attention.vector.Bfloat16;

/** Rows of bfloat16, rounded to nearest even when written. */
final class Bfloat16Rows extends NativeRows {
  private ShortBuffer buffer;
  private short[] row = {};

  Bfloat16Rows(OneDnn library) {
    super(library, Short.BYTES);
  }

  @Override
  void bufferChanged(ByteBuffer bytes) {
    buffer = bytes.asShortBuffer();
  }

  @Override
  void widthChanged(int rows, int newWidth) {
    if (row.length < newWidth) {
      row = new short[newWidth];
    }
  }

  @Override
  void put(int firstRow, int rows, float[] source, int offset) {
    for (int r = 0; r < rows; r++) {
      Bfloat16.round(source, offset + r * width(), width(), row, 0);
      buffer.put((firstRow + r) * width(), row, 0, width());
    }
  }

  @Override
  void get(int firstRow, int rows, float[] target, int offset) {
    for (int r = 0; r < rows; r++) {
      buffer.get((firstRow + r) * width(), row, 0, width());
      Bfloat16.widen(row, 0, width(), target, offset + r * width());
    }
  }
}
