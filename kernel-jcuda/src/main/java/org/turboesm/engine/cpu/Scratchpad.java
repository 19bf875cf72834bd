package org.turboesm.engine.cpu;

import org.bytedeco.dnnl.memory;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;

/** Native bytes that oneDNN's kernels write as they like, one kernel at a time. */
@SuppressWarnings("try") // A PointerScope acts by being open.
final class Scratchpad implements AutoCloseable {
  private final OneDnn library;
  private NativeMemory held;

  Scratchpad(OneDnn library) {
    this.library = library;
  }

  /** At least so many bytes; null where none are asked for, as oneDNN wants it. */
  Pointer require(long bytes) {
    if (bytes == 0) {
      return null;
    }
    if (held == null || bytes > held.bytes()) {
      close();
      try (PointerScope scope = new PointerScope()) {
        held =
            NativeMemory.allocate(
                library,
                new memory.desc(new long[] {bytes}, memory.data_type.u8, memory.format_tag.a),
                "a kernel's scratchpad");
      }
    }
    return held.address();
  }

  @Override
  public void close() {
    if (held != null) {
      held.close();
      held = null;
    }
  }
}
