package org.turboesm.engine.cuda;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.turboesm.cuda.CudaContext;
import org.turboesm.cuda.CudaDriver;
import org.turboesm.cuda.CudaEvent;
import org.turboesm.cuda.CudaGraph;
import org.turboesm.cuda.CudaStream;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.cuda.KernelLibrary;
import org.turboesm.device.Workload;

/** The first device with random memory and a clock; buffers are freed with it. */
final class BenchmarkDevice implements AutoCloseable {
  /** What random memory repeats after; larger parts are copied on the device. */
  private static final int PATTERN_BYTES = 1 << 24;

  private final CudaContext context;
  private final CudaStream stream;
  private final KernelLibrary library;
  private final List<DeviceBuffer> buffers = new ArrayList<>();
  private final Random random = new Random(Workload.SEED);

  BenchmarkDevice() {
    context = CudaContext.open(CudaDriver.get().device(0));
    stream = new CudaStream(context);
    library = new KernelLibrary(context);
  }

  CudaContext context() {
    return context;
  }

  CudaStream stream() {
    return stream;
  }

  KernelLibrary library() {
    return library;
  }

  DeviceBuffer allocate(long bytes) {
    return keep(DeviceBuffer.allocate(context, bytes, "a benchmark"));
  }

  DeviceBuffer upload(int[] values) {
    return keep(DeviceBuffer.of(context, values, "a benchmark"));
  }

  DeviceBuffer upload(float[] values) {
    return keep(DeviceBuffer.of(context, values, "a benchmark"));
  }

  /** Random bits. */
  DeviceBuffer bits(long bytes) {
    byte[] pattern = new byte[(int) Math.min(bytes, PATTERN_BYTES)];
    random.nextBytes(pattern);
    return repeated(DeviceBuffer.of(context, pattern, "a benchmark"), bytes);
  }

  /** Floats of a normal distribution. */
  DeviceBuffer floats(long count, double deviation) {
    return repeated(
        DeviceBuffer.of(context, gaussians(count, Float.BYTES, deviation), "a benchmark"),
        count * Float.BYTES);
  }

  /** Numbers in bfloat16 of a normal distribution. */
  DeviceBuffer bfloat16(long count, double deviation) {
    return repeated(
        DeviceBuffer.of(
            context,
            WeightUpload.toBfloat16(gaussians(count, Short.BYTES, deviation)),
            "a benchmark"),
        count * Short.BYTES);
  }

  private float[] gaussians(long count, int elementBytes, double deviation) {
    float[] values = new float[(int) Math.min(count, PATTERN_BYTES / elementBytes)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (deviation * random.nextGaussian());
    }
    return values;
  }

  private DeviceBuffer repeated(DeviceBuffer pattern, long bytes) {
    if (pattern.bytes() == bytes) {
      return keep(pattern);
    }
    try (pattern) {
      DeviceBuffer whole = allocate(bytes);
      for (long offset = 0; offset < bytes; offset += pattern.bytes()) {
        long size = Math.min(pattern.bytes(), bytes - offset);
        context.copy(pattern.range(0, size), whole.range(offset, size));
      }
      context.synchronize();
      return whole;
    }
  }

  private DeviceBuffer keep(DeviceBuffer buffer) {
    buffers.add(buffer);
    return buffer;
  }

  /** Frees the buffers made so far. */
  void freeBuffers() {
    context.synchronize();
    buffers.forEach(DeviceBuffer::close);
    buffers.clear();
  }

  /**
   * Microseconds of one of several launches that do the same on different memory: the median of
   * runs of a graph of all of them, so that the host's part is not in it.
   *
   * @param launches queue work on {@code on} and wait for nothing
   */
  double microseconds(CudaStream on, List<Runnable> launches, int repeats) {
    launches.forEach(Runnable::run);
    on.synchronize();
    double[] times = new double[repeats];
    try (CudaGraph graph = on.capture(() -> launches.forEach(Runnable::run));
        CudaEvent start = new CudaEvent(context);
        CudaEvent end = new CudaEvent(context)) {
      graph.launch(on);
      on.synchronize();
      for (int i = 0; i < repeats; i++) {
        start.record(on);
        graph.launch(on);
        end.record(on);
        times[i] = 1e3 * end.millisecondsSince(start) / launches.size();
      }
    }
    return median(times);
  }

  static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }

  /** Fails unless all are numbers and some are not zero. */
  static void requireResult(DeviceBuffer bfloat16, int count) {
    short[] values = bfloat16.shorts(count);
    boolean any = false;
    for (short value : values) {
      float number = Float.intBitsToFloat(value << Short.SIZE);
      if (!Float.isFinite(number)) {
        throw new IllegalStateException("a result holds " + number);
      }
      any |= number != 0;
    }
    if (!any) {
      throw new IllegalStateException("a result holds zeros alone");
    }
  }

  @Override
  public void close() {
    freeBuffers();
    library.close();
    stream.close();
    context.close();
  }
}
