package org.turboesm.cuda;

import java.util.concurrent.atomic.AtomicBoolean;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/** A queue of a device's work, one item after the other. Used by one thread at a time. */
public final class CudaStream implements AutoCloseable {
  private final CudaContext context;
  private final CUstream handle = new CUstream();
  private final AtomicBoolean closed = new AtomicBoolean();

  public CudaStream(CudaContext context) {
    this.context = context;
    context.check(
        JCudaDriver.cuStreamCreate(handle, CUstream_flags.CU_STREAM_NON_BLOCKING),
        () -> "cuStreamCreate");
  }

  public CudaContext context() {
    return context;
  }

  CUstream handle() {
    return handle;
  }

  /** Waits for all that was queued. */
  public void synchronize() {
    context.check(JCudaDriver.cuStreamSynchronize(handle), () -> "cuStreamSynchronize");
  }

  /** Queues a copy to the device; the source must stay as it is until the copy is done. */
  public void copy(PinnedBuffer source, DevicePointer target, long bytes) {
    requireRoom(bytes, source.bytes(), target.bytes());
    context.check(
        JCudaDriver.cuMemcpyHtoDAsync(target.handle(), source.pointer(), bytes, handle),
        () -> "copying " + bytes + " bytes to the device");
  }

  /** Queues a copy to the host. */
  public void copy(DevicePointer source, PinnedBuffer target, long bytes) {
    requireRoom(bytes, source.bytes(), target.bytes());
    context.check(
        JCudaDriver.cuMemcpyDtoHAsync(target.pointer(), source.handle(), bytes, handle),
        () -> "copying " + bytes + " bytes from the device");
  }

  /** Queues a copy within the device. */
  public void copy(DevicePointer source, DevicePointer target, long bytes) {
    requireRoom(bytes, source.bytes(), target.bytes());
    context.check(
        JCudaDriver.cuMemcpyDtoDAsync(target.handle(), source.handle(), bytes, handle),
        () -> "copying " + bytes + " bytes on the device");
  }

  /** Queues zeros. */
  public void clear(DevicePointer target) {
    context.check(
        JCudaDriver.cuMemsetD8Async(target.handle(), (byte) 0, target.bytes(), handle),
        () -> "clearing " + target.bytes() + " bytes on the device");
  }

  private static void requireRoom(long bytes, long source, long target) {
    if (bytes < 0 || bytes > source || bytes > target) {
      throw new IndexOutOfBoundsException(
          "a copy of " + bytes + " bytes from " + source + " to " + target);
    }
  }

  /**
   * Records what {@code work} queues on this stream, without running it, as a graph that can be run
   * many times at a small part of its host's cost. The work must not wait for the device.
   */
  public CudaGraph capture(Runnable work) {
    context.check(
        JCudaDriver.cuStreamBeginCapture(
            handle, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
        () -> "cuStreamBeginCapture");
    CUgraph graph = new CUgraph();
    try {
      work.run();
    } catch (RuntimeException | Error e) {
      // The stream leaves its capture; the first error is the one to tell.
      JCudaDriver.cuStreamEndCapture(handle, graph);
      throw e;
    }
    context.check(JCudaDriver.cuStreamEndCapture(handle, graph), () -> "cuStreamEndCapture");
    CUgraphExec executable = new CUgraphExec();
    try {
      context.check(
          JCudaDriver.cuGraphInstantiate(executable, graph, 0), () -> "cuGraphInstantiate");
    } finally {
      JCudaDriver.cuGraphDestroy(graph);
    }
    return new CudaGraph(context, executable);
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      int status = JCudaDriver.cuStreamDestroy(handle);
      if (context.healthy()) {
        context.check(status, () -> "cuStreamDestroy");
      }
    }
  }
}
