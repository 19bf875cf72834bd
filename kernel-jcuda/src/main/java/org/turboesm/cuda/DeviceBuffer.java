package org.turboesm.cuda;

import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.JCudaDriver;

/** Memory of a device, freed by {@link #close} once. */
public final class DeviceBuffer implements DevicePointer, AutoCloseable {
  private final CudaContext context;
  private final CUdeviceptr handle = new CUdeviceptr();
  private final long bytes;
  private final AtomicBoolean closed = new AtomicBoolean();

  private DeviceBuffer(CudaContext context, long bytes, String purpose) {
    this.context = context;
    this.bytes = bytes;
    context.check(
        JCudaDriver.cuMemAlloc(handle, Math.max(1, bytes)),
        () ->
            String.format(
                Locale.ROOT,
                "allocating %,d bytes for %s on %s (%,d allocated already)",
                bytes,
                purpose,
                context.device().describe(),
                context.allocatedBytes()));
    context.countAllocation(bytes);
  }

  /**
   * Allocates; the memory holds anything.
   *
   * @param purpose what for, in an error's words
   * @throws org.turboesm.OutOfDeviceMemoryException if there is not so much left
   */
  public static DeviceBuffer allocate(CudaContext context, long bytes, String purpose) {
    return new DeviceBuffer(context, bytes, purpose);
  }

  /** Floats on the device. */
  public static DeviceBuffer of(CudaContext context, float[] values, String purpose) {
    return holding(context, Pointer.to(values), (long) values.length * Float.BYTES, purpose);
  }

  /** Ints on the device. */
  public static DeviceBuffer of(CudaContext context, int[] values, String purpose) {
    return holding(context, Pointer.to(values), (long) values.length * Integer.BYTES, purpose);
  }

  /** Shorts on the device, bfloat16 for example. */
  public static DeviceBuffer of(CudaContext context, short[] values, String purpose) {
    return holding(context, Pointer.to(values), (long) values.length * Short.BYTES, purpose);
  }

  /** Bytes on the device. */
  public static DeviceBuffer of(CudaContext context, byte[] values, String purpose) {
    return holding(context, Pointer.to(values), values.length, purpose);
  }

  private static DeviceBuffer holding(
      CudaContext context, Pointer source, long bytes, String purpose) {
    DeviceBuffer buffer = allocate(context, bytes, purpose);
    try {
      if (bytes > 0) {
        context.check(
            JCudaDriver.cuMemcpyHtoD(buffer.handle, source, bytes),
            () -> "copying " + bytes + " bytes of " + purpose + " to the device");
        context.awaitCopies();
      }
      return buffer;
    } catch (RuntimeException e) {
      buffer.close();
      throw e;
    }
  }

  @Override
  public CUdeviceptr handle() {
    return handle;
  }

  @Override
  public long bytes() {
    return bytes;
  }

  /** Copies the first floats to the host, after all that was launched. */
  public float[] floats(int count) {
    float[] values = new float[count];
    download(Pointer.to(values), (long) count * Float.BYTES);
    return values;
  }

  /** Copies the first ints to the host, after all that was launched. */
  public int[] ints(int count) {
    int[] values = new int[count];
    download(Pointer.to(values), (long) count * Integer.BYTES);
    return values;
  }

  /** Copies the first shorts to the host, after all that was launched. */
  public short[] shorts(int count) {
    short[] values = new short[count];
    download(Pointer.to(values), (long) count * Short.BYTES);
    return values;
  }

  /** Copies the first bytes to the host, after all that was launched. */
  public byte[] bytes(int count) {
    byte[] values = new byte[count];
    download(Pointer.to(values), count);
    return values;
  }

  private void download(Pointer target, long length) {
    if (length > bytes) {
      throw new IndexOutOfBoundsException(length + " bytes of " + bytes + " on the device");
    }
    context.synchronize();
    if (length > 0) {
      context.check(
          JCudaDriver.cuMemcpyDtoH(target, handle, length),
          () -> "copying " + length + " bytes from the device");
    }
  }

  @Override
  public String toString() {
    return "DeviceBuffer[handle=" + handle + ", bytes=" + bytes + "]";
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      context.countRelease(bytes);
      int status = JCudaDriver.cuMemFree(handle);
      if (context.healthy()) {
        context.check(status, () -> "freeing " + bytes + " bytes of device memory");
      }
    }
  }
}
