package org.turboesm.engine.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.turboesm.cuda.CudaContext;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.device.ResultRow;
import org.turboesm.device.Workload;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.Precision;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;

/**
 * Encoding a batch of proteins, the whole model: the pass alone on the device, and the engine with
 * two threads, copies to the host included.
 */
public final class EncodeBenchmark {
  private static final String PART = "encode";
  private static final int THREADS = 2;

  private final Workload workload;
  private final Consumer<ResultRow> rows;
  private final TokenBatch batch;

  public EncodeBenchmark(Workload workload, Consumer<ResultRow> rows) {
    this.workload = workload;
    this.rows = rows;
    this.batch = workload.proteins();
  }

  /** In bfloat16 and INT8. */
  public void run() {
    try (EsmWeights weights = EsmWeights.open(ModelFolder.of(workload))) {
      for (Precision precision : List.of(Precision.BF16, Precision.INT8)) {
        onDevice(weights, precision);
        byEngine(weights, precision);
      }
    }
  }

  private void onDevice(EsmWeights weights, Precision precision) {
    EsmConfig config = weights.config();
    KernelPrecision kernelPrecision = KernelPrecision.of(precision);
    try (BenchmarkDevice device = new BenchmarkDevice()) {
      CudaContext context = device.context();
      try (KernelSet kernels = new KernelSet(context, config, kernelPrecision.storage());
          DeviceWeights resident = DeviceWeights.load(context, weights, kernelPrecision.storage());
          DeviceRotary rotary = new DeviceRotary(context, weights.inverseFrequency());
          Lane lane = new Lane(context)) {
        DeviceForward forward =
            new DeviceForward(config, kernelPrecision, kernels, resident, rotary);
        List<int[]> arrays = new ArrayList<>(PassInputs.arrays(batch, config));
        arrays.addAll(PrefillInputs.arrays(batch, kernels.prefill().tiling()));
        lane.arena()
            .reset(
                Lane.uploadBytes(arrays) + Workspace.bytes(config, kernelPrecision, batch.size()));
        List<DevicePointer> uploaded = lane.upload(arrays);
        PassInputs inputs = PassInputs.of(batch.size(), uploaded);
        PrefillInputs prefill =
            PrefillInputs.of(uploaded.subList(PassInputs.ARRAYS, uploaded.size()));
        Workspace workspace = Workspace.take(lane.arena(), config, kernelPrecision, batch.size());
        DeviceRotary.Table angles = rotary.table(batch.positions());
        DeviceAttention attention = prefill.attention(kernels, inputs, config.heads());
        double time =
            device.microseconds(
                lane.stream(),
                List.of(
                    () ->
                        forward.run(
                            lane, inputs, angles, workspace, attention, ForwardObserver.NONE)),
                workload.repeats());
        requireNumbers(lane.floats(workspace.hidden(), batch.size() * config.hiddenSize()));
        report("pass on the device", precision, time);
      }
    }
  }

  private void byEngine(EsmWeights weights, Precision precision) {
    try (EsmEngine engine = new CudaEngineProvider().open(weights, precision, 0)) {
      requireNumbers(engine.encode(batch, ForwardObserver.NONE));
      encodeOnThreads(engine, 1);
      int passes = Math.max(1, workload.repeats() / 3);
      double[] times = new double[3];
      for (int i = 0; i < times.length; i++) {
        long start = System.nanoTime();
        encodeOnThreads(engine, passes);
        times[i] = (System.nanoTime() - start) / 1e3 / (passes * THREADS);
      }
      report("engine, two threads, with copies", precision, BenchmarkDevice.median(times));
    }
  }

  private void encodeOnThreads(EsmEngine engine, int passes) {
    List<Thread> threads = new ArrayList<>();
    List<Throwable> failures = java.util.Collections.synchronizedList(new ArrayList<>());
    for (int t = 0; t < THREADS; t++) {
      Thread thread =
          new Thread(
              () -> {
                for (int i = 0; i < passes; i++) {
                  engine.encode(batch, ForwardObserver.NONE);
                }
              });
      thread.setUncaughtExceptionHandler((failed, failure) -> failures.add(failure));
      threads.add(thread);
      thread.start();
    }
    for (Thread thread : threads) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
    if (!failures.isEmpty()) {
      throw new IllegalStateException("encoding failed", failures.get(0));
    }
  }

  private static void requireNumbers(float[] values) {
    for (float value : values) {
      if (!Float.isFinite(value)) {
        throw new IllegalStateException("a hidden state holds " + value);
      }
    }
  }

  private void report(String subject, Precision precision, double time) {
    EsmConfig config = workload.model();
    double hidden = config.hiddenSize();
    // Four square products and two of the feed-forward block for each token, and attention.
    double products =
        2.0 * batch.size() * (4 * hidden * hidden + 2 * hidden * config.intermediateSize());
    double flops =
        config.layers() * (products + PrefillBenchmark.attentionFlops(batch, config.hiddenSize()));
    rows.accept(
        ResultRow.timed(
            PART,
            subject + ", " + precision.label(),
            time,
            flops / time / 1e6,
            ResultRow.TERAFLOPS,
            String.format(
                "%,.0f tokens/s; %,d tokens of %d proteins",
                1e6 * batch.size() / time, batch.size(), batch.sequences())));
  }
}
