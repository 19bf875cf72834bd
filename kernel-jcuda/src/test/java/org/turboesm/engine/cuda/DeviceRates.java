package org.turboesm.engine.cuda;

import java.util.List;
import java.util.function.Consumer;
import org.turboesm.cuda.DeviceBlas;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.device.ResultRow;
import org.turboesm.device.Workload;

/** What the device reaches at best, which the other rates are shares of. */
public final class DeviceRates {
  private final Workload workload;
  private final Consumer<ResultRow> rows;

  public DeviceRates(Workload workload, Consumer<ResultRow> rows) {
    this.workload = workload;
    this.rows = rows;
  }

  /** Copies, and multiplies square matrices. */
  public void run() {
    try (BenchmarkDevice device = new BenchmarkDevice();
        DeviceBlas blas = new DeviceBlas(device.stream())) {
      String name = device.context().device().describe();
      long bytes = workload.copyBytes();
      DeviceBuffer source = device.bits(bytes);
      DeviceBuffer target = device.allocate(bytes);
      double copy =
          device.microseconds(
              device.stream(),
              List.of(() -> device.stream().copy(source, target, bytes)),
              workload.repeats());
      rows.accept(
          ResultRow.timed(
              ResultRow.DEVICE_PART,
              ResultRow.COPY,
              copy,
              2 * bytes / copy / 1e3,
              ResultRow.GIGABYTES,
              String.format("%,d bytes read and as many written; %s", bytes, name)));
      device.freeBuffers();

      int size = workload.productSize();
      DeviceBuffer weights = device.bfloat16((long) size * size, 1);
      DeviceBuffer x = device.bfloat16((long) size * size, 1);
      DeviceBuffer products = device.allocate((long) size * size * Short.BYTES);
      double product =
          device.microseconds(
              device.stream(),
              List.of(
                  () ->
                      blas.multiply(
                          DeviceBlas.Format.BF16, weights, x, size, size, size, products, size)),
              workload.repeats());
      BenchmarkDevice.requireResult(products, size);
      rows.accept(
          ResultRow.timed(
              ResultRow.DEVICE_PART,
              ResultRow.PRODUCT,
              product,
              2.0 * size * size * size / product / 1e6,
              ResultRow.TERAFLOPS,
              "square, of " + size));
    }
  }
}
