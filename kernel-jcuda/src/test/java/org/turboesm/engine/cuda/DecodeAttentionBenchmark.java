package org.turboesm.engine.cuda;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.device.ResultRow;
import org.turboesm.device.Workload;
import org.turboesm.engine.Precision;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.PackedKvLayout;

/**
 * Attention of one token of each sequence over its cache, one layer of the model: packed by several
 * codecs, and in bfloat16. What is timed is the kernel and the merge of its splits.
 */
public final class DecodeAttentionBenchmark {
  static final String PART = "decode attention";

  /** Of 64 channels, how many have each width from 0 bits on. */
  private static final int[] ALLOTTED_KEYS = {9, 1, 3, 4, 4, 5, 6, 32};

  private static final int[] ALLOTTED_VALUES = {49, 0, 4, 3, 2, 1, 1, 4};

  private final Workload workload;
  private final Consumer<ResultRow> rows;
  private final int heads;
  private final int headDim;

  public DecodeAttentionBenchmark(Workload workload, Consumer<ResultRow> rows) {
    this.workload = workload;
    this.rows = rows;
    this.heads = workload.model().heads();
    this.headDim = workload.model().headDim();
  }

  private Map<String, HeadCodec> codecs() {
    Map<String, HeadCodec> codecs = new LinkedHashMap<>();
    // What the default codec allotted to a head of the demo model: wide keys, few values.
    codecs.put(
        "K5 V1 allotted",
        NormalHeadCodec.of(
            NormalHeadCodec.widths(headDim, ALLOTTED_KEYS),
            NormalHeadCodec.widths(headDim, ALLOTTED_VALUES)));
    for (int bits = 3; bits > 0; bits--) {
      codecs.put(
          "K" + bits + " V" + bits,
          NormalHeadCodec.of(
              NormalHeadCodec.uniform(headDim, bits), NormalHeadCodec.uniform(headDim, bits)));
    }
    return codecs;
  }

  /** Every codec at every shape. */
  public void run() {
    try (BenchmarkDevice device = new BenchmarkDevice()) {
      PackedDecodeKernels packed = new PackedDecodeKernels(device.library(), headDim);
      FullDecodeKernels full = new FullDecodeKernels(device.library(), Precision.BF16, headDim);
      for (Workload.DecodeShape shape : workload.decodeShapes()) {
        codecs().forEach((name, codec) -> packed(device, packed, full, shape, name, codec));
        full(device, full, shape);
      }
    }
  }

  /** The device's side of a shape, but for the cache. */
  private record Step(
      DeviceBuffer queries,
      DeviceBuffer sequences,
      DeviceBuffer kvLens,
      DeviceBuffer firstSlots,
      PartialStates partial,
      DeviceBuffer output) {}

  private Step step(BenchmarkDevice device, Workload.DecodeShape shape, int splits) {
    int batch = shape.batch();
    int slotsOfSequence = PackedKvLayout.blocks(shape.kvLen());
    return new Step(
        device.floats((long) batch * heads * headDim, 1 / Math.sqrt(headDim)),
        device.upload(IntStream.range(0, batch).toArray()),
        device.upload(IntStream.range(0, batch).map(s -> shape.kvLen()).toArray()),
        device.upload(IntStream.range(0, batch).map(s -> s * slotsOfSequence).toArray()),
        new PartialStates(
            splits,
            device.allocate(PartialStates.outputBytes(batch, heads, splits, headDim)),
            device.allocate(PartialStates.stateBytes(batch, heads, splits))),
        device.allocate((long) batch * heads * headDim * Short.BYTES));
  }

  private void packed(
      BenchmarkDevice device,
      PackedDecodeKernels kernels,
      FullDecodeKernels merging,
      Workload.DecodeShape shape,
      String name,
      HeadCodec head) {
    try (LayerCodec codec = new LayerCodec(device.context(), Collections.nCopies(heads, head))) {
      kernels.prepare(codec.decodePlan());
      Step step = step(device, shape, PackedDecodeKernels.splits(shape.kvLen()));
      long slots = (long) shape.batch() * PackedKvLayout.blocks(shape.kvLen());
      long wordBytes = slots * codec.wordsPerSlot() * Integer.BYTES;
      List<Runnable> launches = new ArrayList<>();
      for (DeviceBuffer words : caches(device, wordBytes)) {
        launches.add(
            () -> {
              kernels.decode(
                  device.stream(),
                  shape.batch(),
                  heads,
                  codec,
                  step.queries(),
                  words,
                  null,
                  step.firstSlots(),
                  step.sequences(),
                  step.kvLens(),
                  false,
                  step.partial());
              merging.merge(
                  device.stream(),
                  shape.batch(),
                  heads,
                  step.partial(),
                  step.sequences(),
                  step.output());
            });
      }
      report(device, shape, name, step, launches, wordBytes);
    }
  }

  private void full(BenchmarkDevice device, FullDecodeKernels kernels, Workload.DecodeShape shape) {
    Step step = step(device, shape, FullDecodeKernels.splits(shape.kvLen()));
    long bytes = 2L * shape.batch() * shape.kvLen() * heads * headDim * Short.BYTES;
    List<DeviceBuffer> caches = new ArrayList<>();
    for (long made = 0; made == 0 || made < workload.rotatedBytes(); made += bytes) {
      caches.add(device.bfloat16(bytes / Short.BYTES, 1));
    }
    List<Runnable> launches = new ArrayList<>();
    for (DeviceBuffer cache : caches) {
      launches.add(
          () -> {
            kernels.decode(
                device.stream(),
                shape.batch(),
                heads,
                step.queries(),
                cache,
                step.firstSlots(),
                step.sequences(),
                step.kvLens(),
                step.partial());
            kernels.merge(
                device.stream(),
                shape.batch(),
                heads,
                step.partial(),
                step.sequences(),
                step.output());
          });
    }
    report(device, shape, "bfloat16", step, launches, bytes);
  }

  private List<DeviceBuffer> caches(BenchmarkDevice device, long bytes) {
    List<DeviceBuffer> caches = new ArrayList<>();
    for (long made = 0; made == 0 || made < workload.rotatedBytes(); made += bytes) {
      caches.add(device.bits(bytes));
    }
    return caches;
  }

  private void report(
      BenchmarkDevice device,
      Workload.DecodeShape shape,
      String name,
      Step step,
      List<Runnable> launches,
      long bytes) {
    double time = device.microseconds(device.stream(), launches, workload.repeats());
    BenchmarkDevice.requireResult(step.output(), shape.batch() * heads * headDim);
    rows.accept(
        ResultRow.timed(
            PART,
            String.format(
                "%d x %d heads of %d, %d tokens", shape.batch(), heads, headDim, shape.kvLen()),
            ResultRow.OURS + ", " + name,
            time,
            bytes / time / 1e3,
            ResultRow.GIGABYTES,
            String.format("%,d bytes of cache", bytes)));
    device.freeBuffers();
  }
}
