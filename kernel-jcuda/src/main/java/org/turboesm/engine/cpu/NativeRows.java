package org.turboesm.engine.cpu;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.bytedeco.dnnl.memory;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;

/**
 * A matrix in native memory, [rows, width], that grows on demand. Java writes and reads its rows as
 * floats; what they are in between is the subclass's.
 */
@SuppressWarnings("try") // A PointerScope acts by being open.
abstract class NativeRows implements AutoCloseable {
  private final OneDnn library;
  private final int elementBytes;
  private NativeMemory memory;
  private int width;

  NativeRows(OneDnn library, int elementBytes) {
    this.library = library;
    this.elementBytes = elementBytes;
  }

  /** Makes room, and lays the matrix out anew; what was held is lost. */
  void shape(int rows, int newWidth) {
    width = newWidth;
    long bytes = (long) rows * newWidth * elementBytes;
    if (memory == null || bytes > memory.bytes()) {
      allocate(bytes);
    }
    widthChanged(rows, newWidth);
  }

  private void allocate(long bytes) {
    close();
    try (PointerScope scope = new PointerScope()) {
      memory =
          NativeMemory.allocate(
              library,
              new memory.desc(
                  new long[] {bytes},
                  org.bytedeco.dnnl.memory.data_type.u8,
                  org.bytedeco.dnnl.memory.format_tag.a),
              "activations");
      // Padding rows are computed, though never read: denormal garbage in them would be slow.
      Pointer.memset(memory.address(), 0, bytes);
      bufferChanged(
          new BytePointer(memory.address())
              .capacity(bytes)
              .asByteBuffer()
              .order(ByteOrder.nativeOrder()));
    }
  }

  /** The matrix has other memory from here on. */
  abstract void bufferChanged(ByteBuffer buffer);

  /** The matrix has other sizes from here on; {@code shape} has seen to its memory. */
  void widthChanged(int rows, int newWidth) {}

  int width() {
    return width;
  }

  /**
   * Writes rows.
   *
   * @param source [rows, width] from {@code offset} on
   */
  abstract void put(int firstRow, int rows, float[] source, int offset);

  /**
   * Reads rows.
   *
   * @param target [rows, width] from {@code offset} on
   */
  abstract void get(int firstRow, int rows, float[] target, int offset);

  Pointer address() {
    return memory.address();
  }

  /** A scale for each row, f32; null where the format has none. */
  Pointer scales() {
    return null;
  }

  @Override
  public void close() {
    if (memory != null) {
      memory.close();
      memory = null;
    }
  }
}
