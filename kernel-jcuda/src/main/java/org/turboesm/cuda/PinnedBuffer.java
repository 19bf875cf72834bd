package org.turboesm.cuda;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.ShortBuffer;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;
import jcuda.Pointer;
import jcuda.driver.JCudaDriver;

/** Host memory that the device copies from and to by itself, beside its other work. */
public final class PinnedBuffer implements AutoCloseable {
  private final CudaContext context;
  private final Pointer pointer = new Pointer();
  private final long bytes;
  private final AtomicBoolean closed = new AtomicBoolean();

  /** Allocates less than 2 GiB: what one Java buffer can show. */
  public PinnedBuffer(CudaContext context, long bytes) {
    if (bytes <= 0 || bytes > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(bytes + " bytes of pinned memory");
    }
    this.context = context;
    this.bytes = bytes;
    context.check(
        JCudaDriver.cuMemHostAlloc(pointer, bytes, 0),
        () -> String.format(Locale.ROOT, "allocating %,d bytes of pinned host memory", bytes));
  }

  Pointer pointer() {
    return pointer;
  }

  public long bytes() {
    return bytes;
  }

  /** The memory, as floats. */
  public FloatBuffer floats() {
    return view().asFloatBuffer();
  }

  /** The memory, as ints. */
  public IntBuffer ints() {
    return view().asIntBuffer();
  }

  /** The memory, as shorts. */
  public ShortBuffer shorts() {
    return view().asShortBuffer();
  }

  private ByteBuffer view() {
    if (closed.get()) {
      throw new IllegalStateException("pinned memory is used after it was freed");
    }
    return pointer.getByteBuffer(0, bytes).order(ByteOrder.nativeOrder());
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      int status = JCudaDriver.cuMemFreeHost(pointer);
      if (context.healthy()) {
        context.check(status, () -> "freeing pinned host memory");
      }
    }
  }
}
