package org.turboesm.engine.cuda;

import java.util.Collections;
import java.util.List;
import java.util.function.Consumer;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.device.ResultRow;
import org.turboesm.device.Workload;
import org.turboesm.engine.Precision;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.HeadCodec;

/** One layer's prefill attention in bfloat16 on a batch of proteins, with packing and without. */
public final class PrefillBenchmark {
  private static final String PART = "prefill";

  private final Workload workload;
  private final Consumer<ResultRow> rows;

  public PrefillBenchmark(Workload workload, Consumer<ResultRow> rows) {
    this.workload = workload;
    this.rows = rows;
  }

  /** Rotation and packing alone, attention alone, and both together. */
  public void run() {
    EsmConfig config = workload.model();
    TokenBatch batch = workload.proteins();
    int heads = config.heads();
    int headDim = config.headDim();
    long elements = (long) batch.size() * config.hiddenSize();
    HeadCodec head =
        NormalHeadCodec.of(
            NormalHeadCodec.uniform(headDim, 3), NormalHeadCodec.uniform(headDim, 3));
    try (BenchmarkDevice device = new BenchmarkDevice();
        DeviceRotary rotary =
            new DeviceRotary(device.context(), inverseFrequency(headDim, config.ropeTheta()));
        LayerCodec codec = new LayerCodec(device.context(), Collections.nCopies(heads, head))) {
      QkvKernels qkv = new QkvKernels(device.library(), Precision.BF16, headDim);
      UnpackKernels unpack = new UnpackKernels(device.library(), Precision.BF16, headDim);
      PrefillAttentionKernels prefill =
          new PrefillAttentionKernels(device.library(), Precision.BF16, headDim);
      DeviceBuffer keyMaps = device.allocate(unpack.arrangedBytes(heads));
      unpack.arrange(device.stream(), codec.keyMaps(), heads, keyMaps);

      DeviceRotary.Table angles = rotary.table(batch.positions());
      Projections projections =
          new Projections(
              new Product(
                  device.bfloat16(3 * elements, 1),
                  null,
                  null,
                  device.floats(3L * config.hiddenSize(), 0.1)),
              angles.cosines(),
              angles.sines(),
              (float) (1 / Math.sqrt(headDim)),
              heads);
      DevicePointer positions =
          device.upload(PassInputs.arrays(batch, config).get(PassInputs.ARRAYS - 1));
      int[] firstSlots = BlockPlacement.firstSlots(batch.lengths());
      int[] entries = BlockPlacement.entries(batch, s -> firstSlots[s], false);
      TokenBlocks blocks = new TokenBlocks(device.upload(entries), entries.length / 4);
      long wordBytes = (long) firstSlots[batch.sequences()] * codec.wordsPerSlot() * Integer.BYTES;
      PackedSlots cache = new PackedSlots(device.allocate(wordBytes), null, null);
      DeviceBuffer queries = device.allocate(elements * Short.BYTES);
      DeviceBuffer keys = device.allocate(elements * Short.BYTES);
      DeviceBuffer values = device.allocate(elements * Short.BYTES);
      DeviceBuffer attended = device.allocate(elements * Short.BYTES);
      int[] tiles = prefill.tiling().tiles(batch.cuSeqlens());
      DeviceBuffer tileList = device.upload(tiles);
      DeviceBuffer cuSeqlens = device.upload(batch.cuSeqlens());

      Runnable rotate =
          () ->
              qkv.rotate(
                  device.stream(), projections, positions, batch.size(), queries, keys, values);
      Runnable rotateAndPack =
          () ->
              qkv.rotateAndPack(
                  device.stream(),
                  projections,
                  positions,
                  blocks,
                  codec,
                  keyMaps,
                  cache,
                  null,
                  queries,
                  keys,
                  values);
      Runnable attend =
          () ->
              prefill.attend(
                  device.stream(),
                  heads,
                  queries,
                  keys,
                  values,
                  cuSeqlens,
                  tileList,
                  tiles.length / 2,
                  attended);

      long moved = 6 * elements * Short.BYTES;
      String size = String.format("%,d tokens of %d proteins", batch.size(), batch.sequences());
      double rotation = time(device, rotate);
      report("rotary embedding", rotation, moved / rotation / 1e3, ResultRow.GIGABYTES, size);
      double packing = time(device, rotateAndPack);
      report(
          "rotary embedding and packing, K3 V3",
          packing,
          (moved + wordBytes) / packing / 1e3,
          ResultRow.GIGABYTES,
          size);
      double attention = time(device, attend);
      BenchmarkDevice.requireResult(attended, (int) elements);
      double flops = attentionFlops(batch, config.hiddenSize());
      report("attention", attention, flops / attention / 1e6, ResultRow.TERAFLOPS, size);
      double without = time(device, () -> both(rotate, attend));
      report(
          "rotary embedding and attention",
          without,
          flops / without / 1e6,
          ResultRow.TERAFLOPS,
          size);
      double with = time(device, () -> both(rotateAndPack, attend));
      report(
          "rotary embedding, packing and attention",
          with,
          flops / with / 1e6,
          ResultRow.TERAFLOPS,
          String.format("%s; packing adds %.1f %%", size, 100 * (with / without - 1)));
    }
  }

  private static float[] inverseFrequency(int headDim, float base) {
    float[] frequencies = new float[headDim / 2];
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] = (float) Math.pow(base, -2.0 * i / headDim);
    }
    return frequencies;
  }

  /** Of logits and of weighted sums, all heads. */
  static double attentionFlops(TokenBatch batch, int hidden) {
    double pairs = 0;
    for (int length : batch.lengths()) {
      pairs += (double) length * length;
    }
    return 4 * pairs * hidden;
  }

  private static void both(Runnable first, Runnable second) {
    first.run();
    second.run();
  }

  private double time(BenchmarkDevice device, Runnable launch) {
    return device.microseconds(device.stream(), List.of(launch, launch), workload.repeats());
  }

  private void report(String subject, double time, double rate, String unit, String note) {
    rows.accept(ResultRow.timed(PART, subject, time, rate, unit, note));
  }
}
