package org.turboesm.cuda;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/**
 * A device's primary context, retained. Every thread that calls CUDA makes it current first. It
 * counts the memory that is allocated through it.
 */
public final class CudaContext implements AutoCloseable {
  private static final CUstream LEGACY_STREAM = new CUstream();

  private final CudaDevice device;
  private final CUdevice handle;
  private final CUcontext context = new CUcontext();
  private final AtomicBoolean closed = new AtomicBoolean();
  private final AtomicLong allocatedBytes = new AtomicLong();
  private final AtomicLong peakBytes = new AtomicLong();
  private volatile boolean lost;

  private CudaContext(CudaDevice device) {
    this.device = device;
    this.handle = CudaDriver.handle(device.ordinal());
    CudaStatus.check(
        JCudaDriver.cuDevicePrimaryCtxRetain(context, handle),
        () -> "cuDevicePrimaryCtxRetain of " + device.describe());
  }

  /** Opens a context and makes it current on this thread. */
  public static CudaContext open(CudaDevice device) {
    CudaContext opened = new CudaContext(device);
    try {
      opened.makeCurrent();
      return opened;
    } catch (RuntimeException e) {
      opened.close();
      throw e;
    }
  }

  public CudaDevice device() {
    return device;
  }

  /** Makes this context the calling thread's. */
  public void makeCurrent() {
    check(JCudaDriver.cuCtxSetCurrent(context), () -> "cuCtxSetCurrent of " + device.describe());
  }

  /** The same, to close what is in it: a lost context is no error then. */
  public void enterToRelease() {
    int status = JCudaDriver.cuCtxSetCurrent(context);
    if (!lost) {
      check(status, () -> "cuCtxSetCurrent of " + device.describe());
    }
  }

  /** Whether the context can still be used: after some errors the driver refuses every call. */
  public boolean healthy() {
    return !lost;
  }

  /** Bytes of device memory allocated through this context at the moment. */
  public long allocatedBytes() {
    return allocatedBytes.get();
  }

  /** The most that {@link #allocatedBytes} ever was. */
  public long peakBytes() {
    return peakBytes.get();
  }

  /** Bytes that the device has free, whoever uses it. */
  public long freeBytes() {
    long[] free = new long[1];
    long[] total = new long[1];
    check(JCudaDriver.cuMemGetInfo(free, total), () -> "cuMemGetInfo");
    return free[0];
  }

  /** Copies all of a part of the device's memory to another, and waits for it. */
  public void copy(DevicePointer source, DevicePointer target) {
    if (source.bytes() > target.bytes()) {
      throw new IndexOutOfBoundsException(
          "a copy of " + source.bytes() + " bytes to " + target.bytes());
    }
    check(
        JCudaDriver.cuMemcpyDtoD(target.handle(), source.handle(), source.bytes()),
        () -> "copying " + source.bytes() + " bytes on the device");
    awaitCopies();
  }

  /**
   * Waits for copies that are of no stream: they run on the legacy one, for which our streams do
   * not wait, and the driver may return from them before the device has the data.
   */
  void awaitCopies() {
    check(JCudaDriver.cuStreamSynchronize(LEGACY_STREAM), () -> "waiting for a copy");
  }

  /** Waits for all that was launched. */
  public void synchronize() {
    check(JCudaDriver.cuCtxSynchronize(), () -> "cuCtxSynchronize");
  }

  /** Checks a status of this context's calls and notes when it says that the context is lost. */
  void check(int status, Supplier<String> call) {
    if (CudaStatus.isLost(status)) {
      lost = true;
    }
    CudaStatus.check(status, call);
  }

  void countAllocation(long bytes) {
    long allocated = allocatedBytes.addAndGet(bytes);
    peakBytes.accumulateAndGet(allocated, Math::max);
  }

  void countRelease(long bytes) {
    allocatedBytes.addAndGet(-bytes);
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      int status = JCudaDriver.cuDevicePrimaryCtxRelease(handle);
      if (!lost) {
        CudaStatus.check(status, () -> "cuDevicePrimaryCtxRelease of " + device.describe());
      }
    }
  }
}
