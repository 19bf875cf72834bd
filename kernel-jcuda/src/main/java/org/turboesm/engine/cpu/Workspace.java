package org.turboesm.engine.cpu;

import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;

/** What one call needs for itself: lent to one thread at a time, and reused. */
@SuppressWarnings("try") // A PointerScope acts by being open.
final class Workspace implements AutoCloseable {
  private final OneDnn library;
  private final FloatStaging input;
  private final FloatStaging output;
  private final stream queue;
  private NativeMemory scratchpad;
  private long scratchpadBytes;

  Workspace(OneDnn library) {
    this.library = library;
    this.input = new FloatStaging(library);
    this.output = new FloatStaging(library);
    try (PointerScope scope = new PointerScope()) {
      queue = new stream(library.processor());
      queue.retainReference();
    }
  }

  FloatStaging input() {
    return input;
  }

  FloatStaging output() {
    return output;
  }

  stream queue() {
    return queue;
  }

  /** At least so many bytes; null where none are asked for, as oneDNN wants it. */
  Pointer scratchpad(long bytes) {
    if (bytes == 0) {
      return null;
    }
    if (bytes > scratchpadBytes) {
      closeScratchpad();
      try (PointerScope scope = new PointerScope()) {
        scratchpad =
            NativeMemory.allocate(
                library,
                new memory.desc(
                    new long[] {bytes},
                    org.bytedeco.dnnl.memory.data_type.u8,
                    org.bytedeco.dnnl.memory.format_tag.a),
                "a kernel's scratchpad");
      }
      scratchpadBytes = bytes;
    }
    return scratchpad.address();
  }

  private void closeScratchpad() {
    if (scratchpad != null) {
      scratchpad.close();
      scratchpad = null;
      scratchpadBytes = 0;
    }
  }

  @Override
  public void close() {
    queue.deallocate();
    input.close();
    output.close();
    closeScratchpad();
  }
}
