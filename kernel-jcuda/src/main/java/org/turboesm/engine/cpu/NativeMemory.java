package org.turboesm.engine.cpu;

import org.bytedeco.dnnl.memory;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.turboesm.TurboEsmException;

/** Native memory that oneDNN allocated, aligned as its kernels want it, and frees on close. */
@SuppressWarnings("try") // A PointerScope acts by being open.
final class NativeMemory implements AutoCloseable {
  private final memory owner;
  private final Pointer address;
  private final long bytes;

  private NativeMemory(memory owner, Pointer address, long bytes) {
    this.owner = owner;
    this.address = address;
    this.bytes = bytes;
  }

  /**
   * Allocates for a layout.
   *
   * @param purpose named in the error
   * @throws TurboEsmException where there is no memory left
   */
  static NativeMemory allocate(OneDnn library, memory.desc layout, String purpose) {
    long bytes = layout.get_size();
    try (PointerScope scope = new PointerScope()) {
      memory owner = new memory(layout, library.processor());
      owner.retainReference();
      return new NativeMemory(owner, owner.get_data_handle(), bytes);
    } catch (RuntimeException | OutOfMemoryError e) {
      throw outOfMemory(bytes, purpose, e);
    }
  }

  static TurboEsmException outOfMemory(long bytes, String purpose, Throwable cause) {
    return new TurboEsmException(
        "no native memory for "
            + purpose
            + ": "
            + (bytes >> 10)
            + " KiB refused ("
            + cause.getMessage()
            + "), the process holds "
            + (Pointer.physicalBytes() >> 20)
            + " MiB of the machine's "
            + (Pointer.totalPhysicalBytes() >> 20)
            + " MiB; run fewer tasks at once (spark.executor.cores), give the executor more"
            + " (spark.executor.memoryOverhead), or take a smaller model",
        cause);
  }

  Pointer address() {
    return address;
  }

  long bytes() {
    return bytes;
  }

  /** As oneDNN's own object, for a reorder. */
  memory memory() {
    return owner;
  }

  @Override
  public void close() {
    owner.deallocate();
  }
}
