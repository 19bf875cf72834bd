package org.turboesm.engine.cuda;

import java.util.ArrayList;
import java.util.List;
import org.turboesm.cuda.CudaContext;
import org.turboesm.cuda.CudaDriver;
import org.turboesm.cuda.CudaStream;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.cuda.KernelLibrary;

/** The first device, a stream and a kernel library; buffers made here are freed with it. */
final class TestDevice implements AutoCloseable {
  private final CudaContext context;
  private final CudaStream stream;
  private final KernelLibrary library;
  private final List<DeviceBuffer> buffers = new ArrayList<>();

  TestDevice() {
    context = CudaContext.open(CudaDriver.get().device(0));
    stream = new CudaStream(context);
    library = new KernelLibrary(context);
  }

  CudaStream stream() {
    return stream;
  }

  KernelLibrary library() {
    return library;
  }

  DeviceBuffer upload(float[] values) {
    return keep(DeviceBuffer.of(context, values, "a test"));
  }

  DeviceBuffer upload(int[] values) {
    return keep(DeviceBuffer.of(context, values, "a test"));
  }

  DeviceBuffer upload(short[] values) {
    return keep(DeviceBuffer.of(context, values, "a test"));
  }

  DeviceBuffer upload(byte[] values) {
    return keep(DeviceBuffer.of(context, values, "a test"));
  }

  private DeviceBuffer keep(DeviceBuffer buffer) {
    buffers.add(buffer);
    return buffer;
  }

  /** Frees the buffers made so far. */
  void freeBuffers() {
    buffers.forEach(DeviceBuffer::close);
    buffers.clear();
  }

  @Override
  public void close() {
    freeBuffers();
    library.close();
    stream.close();
    context.close();
  }
}
