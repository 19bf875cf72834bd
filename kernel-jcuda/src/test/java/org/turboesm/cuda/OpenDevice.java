package org.turboesm.cuda;

import java.util.Map;

/** The first device, a stream on it, and the kernels of {@code device_layer.cu}. */
final class OpenDevice implements AutoCloseable {
  /** What {@code block_places} adds. */
  static final int FIRST = 7;

  private final CudaContext context;
  private final CudaStream stream;
  private final KernelLibrary library;
  private final KernelModule module;

  OpenDevice() {
    context = CudaContext.open(CudaDriver.get().device(0));
    stream = new CudaStream(context);
    library = new KernelLibrary(context);
    module = library.compile(new KernelVariant("device_layer.cu", Map.of("FIRST", FIRST)));
  }

  CudaContext context() {
    return context;
  }

  CudaStream stream() {
    return stream;
  }

  KernelModule module() {
    return module;
  }

  Kernel kernel(String name) {
    return module.kernel(name);
  }

  DeviceBuffer upload(float... values) {
    return DeviceBuffer.of(context, values, "a test");
  }

  DeviceBuffer upload(int... values) {
    return DeviceBuffer.of(context, values, "a test");
  }

  /** Queues {@code values = values * scale + shift}. */
  void scaleAndShift(DevicePointer values, int count, float scale, long shift) {
    kernel("scale_and_shift")
        .launch(stream, LaunchConfig.of((count + 31) / 32, 32), values, count, scale, shift);
  }

  @Override
  public void close() {
    library.close();
    stream.close();
    context.close();
  }
}
