package org.turboesm.engine.cpu;

import java.nio.FloatBuffer;
import org.bytedeco.dnnl.memory;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;

/** Native floats that grow on demand, as Java copies rows to and from them. Zero at first. */
@SuppressWarnings("try") // A PointerScope acts by being open.
final class FloatStaging implements AutoCloseable {
  private final OneDnn library;
  private NativeMemory memory;
  private FloatBuffer buffer = FloatBuffer.allocate(0);

  FloatStaging(OneDnn library) {
    this.library = library;
  }

  /** Makes room; what was held is lost where there was too little. */
  void require(int floats) {
    if (floats <= buffer.capacity()) {
      return;
    }
    close();
    try (PointerScope scope = new PointerScope()) {
      memory =
          NativeMemory.allocate(
              library,
              new memory.desc(
                  new long[] {floats},
                  org.bytedeco.dnnl.memory.data_type.f32,
                  org.bytedeco.dnnl.memory.format_tag.a),
              "activations");
      // Padding rows are computed, though never read: denormal garbage in them would be slow.
      Pointer.memset(memory.address(), 0, (long) floats * Float.BYTES);
      buffer = new FloatPointer(memory.address()).capacity(floats).asBuffer();
    }
  }

  void copyIn(float[] source, int offset, int floats) {
    buffer.put(0, source, offset, floats);
  }

  void copyOut(float[] target, int offset, int floats) {
    buffer.get(0, target, offset, floats);
  }

  Pointer address() {
    return memory.address();
  }

  @Override
  public void close() {
    buffer = FloatBuffer.allocate(0);
    if (memory != null) {
      memory.close();
      memory = null;
    }
  }
}
