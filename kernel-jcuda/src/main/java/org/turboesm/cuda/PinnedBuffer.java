package org.turboesm.cuda;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.ShortBuffer;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;
import jcuda.Pointer;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** Host memory that the device copies from and to by itself, beside its other work. */
public final class PinnedBuffer implements AutoCloseable {
  private final CudaContext context;
  private final Pointer pointer = new Pointer();
  private final long bytes;
  private final AtomicBoolean closed = new AtomicBoolean();

  /**
   * Allocates less than 2 GiB: what one Java buffer can show.
   *
   * @throws CudaException also where memory is wanting: it is the host's, so that no smaller batch
   *     and no wait for the device's memory helps
   */
  public PinnedBuffer(CudaContext context, long bytes) {
    if (bytes <= 0 || bytes > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(bytes + " bytes of pinned memory");
    }
    this.context = context;
    this.bytes = bytes;
    int status = JCudaDriver.cuMemHostAlloc(pointer, bytes, 0);
    String call = String.format(Locale.ROOT, "page-locking %,d bytes of host memory", bytes);
    if (status == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
      throw new CudaException(
          call
              + " failed with "
              + CudaStatus.describe(status)
              + "; it is this machine's memory that ran out, not the GPU's: run fewer tasks on a GPU"
              + " (--tasks-per-gpu), leave the process more memory beyond the Java heap (on Spark"
              + " spark.executor.memoryOverhead), or raise the limit that ulimit -l shows");
    }
    context.check(status, () -> call);
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
