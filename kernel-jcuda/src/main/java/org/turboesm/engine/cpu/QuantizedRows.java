package org.turboesm.engine.cpu;

import java.nio.ByteBuffer;
import org.bytedeco.javacpp.Pointer;

/** Rows of bytes, each with the scale that its largest value sets. Written, never read. */
final class QuantizedRows extends NativeRows {
  private final int largest;
  private final int shift;
  private final FloatRows scales;
  private final float[] rowScale = new float[1];
  private ByteBuffer buffer;
  private byte[] row = {};

  /** For an integer format. */
  QuantizedRows(OneDnn library, MatmulFormat format) {
    super(library, Byte.BYTES);
    boolean shifted = format == MatmulFormat.SHIFTED_INT7;
    largest = shifted ? MatmulFormat.SHIFT - 1 : Byte.MAX_VALUE;
    shift = shifted ? MatmulFormat.SHIFT : 0;
    scales = new FloatRows(library);
  }

  @Override
  void bufferChanged(ByteBuffer bytes) {
    buffer = bytes;
  }

  @Override
  void widthChanged(int rows, int newWidth) {
    scales.shape(rows, 1);
    if (row.length < newWidth) {
      row = new byte[newWidth];
    }
  }

  @Override
  void put(int firstRow, int rows, float[] source, int offset) {
    for (int r = 0; r < rows; r++) {
      rowScale[0] =
          RowQuantizer.quantize(source, offset + r * width(), width(), largest, shift, row);
      scales.put(firstRow + r, 1, rowScale, 0);
      buffer.put((firstRow + r) * width(), row, 0, width());
    }
  }

  @Override
  void get(int firstRow, int rows, float[] target, int offset) {
    throw new UnsupportedOperationException("quantized rows are a product's input alone");
  }

  @Override
  Pointer scales() {
    return scales.address();
  }

  @Override
  public void close() {
    super.close();
    scales.close();
  }
}
