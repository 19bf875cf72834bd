package org.turboesm.cuda;

/**
 * A piece of device memory that is handed out in parts and taken back as a whole, so that no pass
 * allocates. It grows between uses, never during one: addresses stay while parts are in use.
 */
public final class DeviceArena implements AutoCloseable {
  /** What cuBLAS and 16-byte accesses want of addresses, and a whole cache line twice over. */
  private static final long ALIGNMENT = 256;

  private final CudaContext context;
  private final String purpose;
  private DeviceBuffer buffer;
  private long used;

  /** An arena without memory yet. */
  public DeviceArena(CudaContext context, String purpose) {
    this.context = context;
    this.purpose = purpose;
  }

  /** What a part of {@code bytes} takes of an arena. */
  public static long aligned(long bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /**
   * Takes all parts back and makes room for {@code bytes}, counted in {@link #aligned} parts. The
   * device must be done with the parts.
   *
   * @return whether the memory moved: addresses handed out before are void
   * @throws org.turboesm.OutOfDeviceMemoryException then the arena is empty, and usable
   */
  public boolean reset(long bytes) {
    used = 0;
    if (buffer != null && buffer.bytes() >= bytes) {
      return false;
    }
    close();
    buffer = DeviceBuffer.allocate(context, bytes, purpose);
    return true;
  }

  /** Hands out a part; what it holds is left from before. */
  public DevicePointer take(long bytes) {
    long capacity = buffer == null ? 0 : buffer.bytes();
    if (used + bytes > capacity) {
      throw new IllegalStateException(
          purpose + ": " + bytes + " more bytes than planned, of " + capacity);
    }
    DevicePointer part = buffer.range(used, bytes);
    used = Math.min(capacity, used + aligned(bytes));
    return part;
  }

  /** Bytes held. */
  public long bytes() {
    return buffer == null ? 0 : buffer.bytes();
  }

  @Override
  public void close() {
    if (buffer != null) {
      buffer.close();
      buffer = null;
    }
  }
}
