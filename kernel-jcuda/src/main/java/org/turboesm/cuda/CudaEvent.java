package org.turboesm.cuda;

import java.util.concurrent.atomic.AtomicBoolean;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.JCudaDriver;

/** A mark in a stream, to time work by. */
public final class CudaEvent implements AutoCloseable {
  private final CudaContext context;
  private final CUevent handle = new CUevent();
  private final AtomicBoolean closed = new AtomicBoolean();

  public CudaEvent(CudaContext context) {
    this.context = context;
    context.check(
        JCudaDriver.cuEventCreate(handle, CUevent_flags.CU_EVENT_DEFAULT), () -> "cuEventCreate");
  }

  /** Queues the mark. */
  public void record(CudaStream stream) {
    context.check(JCudaDriver.cuEventRecord(handle, stream.handle()), () -> "cuEventRecord");
  }

  /** Milliseconds from an earlier mark to this one, which is waited for. */
  public float millisecondsSince(CudaEvent earlier) {
    context.check(JCudaDriver.cuEventSynchronize(handle), () -> "cuEventSynchronize");
    float[] milliseconds = new float[1];
    context.check(
        JCudaDriver.cuEventElapsedTime(milliseconds, earlier.handle, handle),
        () -> "cuEventElapsedTime");
    return milliseconds[0];
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      int status = JCudaDriver.cuEventDestroy(handle);
      if (context.healthy()) {
        context.check(status, () -> "cuEventDestroy");
      }
    }
  }
}
