package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectOutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.TurboEsmException;
import org.turboesm.calibration.CalibrationPasses;
import org.turboesm.calibration.CodecSpec;
import org.turboesm.calibration.MomentAccumulator;
import org.turboesm.cuda.CudaContext;
import org.turboesm.cuda.CudaDriver;
import org.turboesm.engine.DecodeSession;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.KvPrecision;
import org.turboesm.engine.LockstepDecoder;
import org.turboesm.engine.MemoryPlan;
import org.turboesm.engine.Precision;
import org.turboesm.engine.Prefill;
import org.turboesm.engine.TurboEngine;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.OutputGrams;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;
import org.turboesm.kv.RandomCodec;

/** What the engine takes of a device's memory, and what it does where that is too little. */
@Tag("cuda")
class CudaMemoryTest {
  private static final long F32_BYTES = weightBytes(Precision.F32);

  /** Rotary angles of the first positions, cosines and sines. */
  private static final long ROTARY_BYTES = 4096L * SmallModel.CONFIG.headDim() * Float.BYTES;

  /** What the plan leaves to the reserve, 1 KiB a head: where the tables lie. */
  private static final long UNPLANNED_BYTES =
      1024L * SmallModel.CONFIG.layers() * SmallModel.CONFIG.heads();

  @TempDir Path folder;

  @BeforeEach
  void onlyEmulated() {
    Emulator.assume();
  }

  private static long weightBytes(Precision precision) {
    return new MemoryPlan(SmallModel.CONFIG, precision).weightBytes();
  }

  /** What a pass over so many tokens takes of a lane, without its inputs. */
  private static long passBytes(int tokens) {
    return Workspace.bytes(SmallModel.CONFIG, KernelPrecision.of(Precision.F32), tokens);
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void residentModelTakesWhatIsPlannedAndAllIsFreedAtTheEnd(Precision precision) {
    try (CudaContext device = CudaContext.open(CudaDriver.get().device(0));
        EsmWeights weights = SmallModel.weights(folder)) {
      long free = device.freeBytes();
      try (EsmEngine engine = EsmEngines.open("cuda", precision.label(), weights)) {
        assertThat(free - device.freeBytes()).isEqualTo(weightBytes(precision));

        runAll(engine);
      }
      device.makeCurrent();
      assertThat(device.freeBytes()).isEqualTo(free);
    }
  }

  /** Heads of 49 words of keys and 50 of values, which are padded to 100. */
  @ParameterizedTest
  @CsvSource({"false, false", "false, true", "true, true"})
  void codecAndCacheTakeWhatIsPlanned(boolean tokenScaled, boolean tail) {
    int headDim = SmallModel.CONFIG.headDim();
    int[] keyBits = NormalHeadCodec.uniform(headDim, 2);
    int[] valueBits = NormalHeadCodec.uniform(headDim, 2);
    keyBits[0] += 1;
    valueBits[0] += 2;
    HeadCodec head = NormalHeadCodec.of(keyBits, valueBits);
    KvCodec codec =
        NormalHeadCodec.model(
            SmallModel.CONFIG.layers(),
            SmallModel.CONFIG.heads(),
            tokenScaled ? RandomCodec.withTokenScales(head) : head,
            tail);
    MemoryPlan plan = new MemoryPlan(SmallModel.CONFIG, Precision.BF16);
    // As many blocks as 101 tokens of three proteins can have: 33 and 65 end in one of one token.
    TokenBatch batch = SmallModel.batch(3, 33, 65);
    int[] capacities = batch.lengths();
    long planned =
        plan.packedKvBytes(batch.size(), 3, 99.0 / headDim)
            + (tokenScaled ? plan.valueScaleBytes(batch.size(), 3) : 0)
            + (tail ? plan.tailBytes(3) : 0);
    try (CudaContext device = CudaContext.open(CudaDriver.get().device(0));
        EsmWeights weights = SmallModel.weights(folder);
        EsmEngine engine = EsmEngines.open("cuda", "bf16", weights)) {
      // The lane and its room, and the rotary angles.
      engine.encode(batch, ForwardObserver.NONE);
      long free = device.freeBytes();
      try (TurboEngine turbo = engine.turbo(codec)) {
        long onDevice = free - device.freeBytes();
        long tables = onDevice - plan.foldedBytes() - plan.codecMapBytes();
        long most = plan.codecTableBytes(99.0 / headDim, 4);
        assertThat(tables).isBetween(most / 2, most + UNPLANNED_BYTES);
        open(turbo, batch, capacities).close();
        free = device.freeBytes();
        try (DecodeSession session = open(turbo, batch, capacities)) {
          assertThat(free - device.freeBytes()).isEqualTo(planned);
        }
      }
    }
  }

  private static DecodeSession open(TurboEngine turbo, TokenBatch batch, int[] capacities) {
    return turbo.prefill(batch, capacities, KvPrecision.PACKED, ForwardObserver.NONE);
  }

  private static void runAll(EsmEngine engine) {
    TokenBatch batch = SmallModel.batch(3, 40);
    float[] hidden = engine.encode(batch, ForwardObserver.NONE);
    engine.logits(hidden, batch.size());
    engine.projectAttention(0, hidden, batch.size());
    try (TurboEngine turbo = engine.turbo(SmallModel.codec())) {
      turbo.turbo(batch, ForwardObserver.NONE);
      for (KvPrecision precision : KvPrecision.values()) {
        LockstepDecoder.decode(turbo, batch, Prefill.parse("0.5"), precision);
      }
    }
  }

  /** Opens the model in a precision and runs all modes, and prints what became of it. */
  static final class OpenAndRun {
    public static void main(String[] arguments) throws Exception {
      Path folder = Files.createTempDirectory("model");
      try (EsmWeights weights = SmallModel.weights(folder);
          EsmEngine engine = EsmEngines.open("cuda", arguments[0], weights)) {
        System.out.println("opened");
        runAll(engine);
        System.out.println("ran");
      } catch (TurboEsmException e) {
        System.out.println(e.getClass().getSimpleName() + ": " + e.getMessage());
      }
    }
  }

  @Test
  void modelThatDoesNotFitIsRefusedWithWhatWouldFit() throws Exception {
    long memory = Lane.fixedBytes() + weightBytes(Precision.BF16);

    // Nothing is allocated before: that would be told as another error.
    assertThat(
            Emulator.run(
                OpenAndRun.class,
                Map.of(
                    "TURBOESM_EMULATOR_MEMORY",
                    Long.toString(memory),
                    "TURBOESM_EMULATOR_FAIL",
                    "cuMemAlloc:1+:999"),
                "f32"))
        .contains("TurboEsmException: the model does not fit on GPU 0 TurboESM CUDA emulator (sm_")
        .contains(
            String.format(
                "): in f32 it takes %s, and %s are free. --precision bf16 would fit (%s),"
                    + " --precision int8 would fit (%s); nvidia-smi lists who else uses the GPU",
                mebibytes(Lane.fixedBytes() + F32_BYTES),
                mebibytes(memory),
                mebibytes(memory),
                mebibytes(Lane.fixedBytes() + weightBytes(Precision.INT8))));
  }

  @Test
  void modelThatFitsInNoPrecisionIsRefusedSo() throws Exception {
    assertThat(Emulator.run(OpenAndRun.class, "MEMORY", Lane.fixedBytes(), "bf16"))
        .contains("TurboEsmException: the model does not fit on GPU 0 ")
        .contains("in bf16 it takes ")
        .contains("No smaller --precision would fit; nvidia-smi lists");
  }

  /** The exception is not the one after which batches are made smaller: that would not help. */
  @Test
  void codecForWhichThereIsNoRoomIsRefusedSo() throws Exception {
    MemoryPlan plan = new MemoryPlan(SmallModel.CONFIG, Precision.F32);
    KvCodec codec = SmallModel.codec();
    int channels =
        SmallModel.CONFIG.layers() * SmallModel.CONFIG.heads() * SmallModel.CONFIG.headDim();
    // Random widths: the widest of all is eight.
    double bits = (double) codec.packedBitsPerToken() / channels;
    long wanted = plan.foldedBytes() + plan.codecMapBytes() + plan.codecTableBytes(bits, 8);
    long model = Lane.fixedBytes() + F32_BYTES;
    assertThat(wanted).isGreaterThan(codecBytes(codec));

    assertThat(Emulator.run(FoldOnly.class, "MEMORY", model + plan.foldedBytes()))
        .contains("TurboEsmException: modes turbo and decode do not fit beside the model on GPU 0")
        .contains("in f32 they take about another " + mebibytes(wanted) + ", and ")
        .contains("healthy: true");
    assertThat(Emulator.run(FoldOnly.class, "MEMORY", model + (1 << 20))).contains("folded");
  }

  /** Folds a codec beside the model. */
  static final class FoldOnly {
    public static void main(String[] arguments) throws Exception {
      Path folder = Files.createTempDirectory("model");
      try (EsmWeights weights = SmallModel.weights(folder);
          EsmEngine engine = EsmEngines.open("cuda", "f32", weights)) {
        try {
          engine.turbo(SmallModel.codec()).close();
          System.out.println("folded");
        } catch (TurboEsmException e) {
          System.out.println(e.getClass().getSimpleName() + ": " + e.getMessage());
        }
        System.out.println("healthy: " + engine.healthy());
      }
    }
  }

  private static String mebibytes(long bytes) {
    return String.format(Locale.ROOT, "%,.1f MiB", bytes / 0x1p20);
  }

  @Test
  void batchThatDoesNotFitLeavesTheEngineAsItWas() throws Exception {
    long memory = Lane.fixedBytes() + F32_BYTES + ROTARY_BYTES + passBytes(200);

    assertThat(Emulator.run(SmallLargeSmall.class, "MEMORY", memory))
        .containsPattern(
            "OutOfDeviceMemoryException: allocating [0-9,]+ bytes for a batch's activations on"
                + " GPU 0 TurboESM CUDA emulator ")
        .contains("use smaller batches (--batch-tokens) or a smaller --precision")
        .contains("healthy: true", "same: true");
  }

  /** Once: neither a second try when the batch is alone nor a smaller batch finds more of it. */
  @Test
  void inputsThatCannotBePinnedLeaveTheEngineAsItWas() throws Exception {
    assertThat(Emulator.run(SmallLargeSmall.class, "FAIL", "cuMemHostAlloc:3:2"))
        .containsPattern(
            "CudaException: page-locking [0-9,]+ bytes of host memory failed with"
                + " CUDA_ERROR_OUT_OF_MEMORY .*this machine's memory that ran out, not the GPU's:"
                + " run fewer tasks on a GPU .*spark.executor.memoryOverhead.*ulimit -l")
        .doesNotContain("--batch-tokens")
        .contains("healthy: true", "same: true");
  }

  /** A lane's own pinned memory: the first of its two buffers, and the second. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void laneThatCannotBePinnedLeavesNothingBehind(int buffer) throws Exception {
    assertThat(Emulator.run(FirstPassFails.class, "FAIL", "cuMemHostAlloc:" + buffer + ":2"))
        .containsPattern("CudaException: page-locking [0-9,]+ bytes of host memory failed with")
        .contains("bytes left: 0", "healthy: true", "later: fits");
  }

  /** Runs a pass that fails, tells what is left of it on the device, and runs it again. */
  static final class FirstPassFails {
    public static void main(String[] arguments) throws Exception {
      Path folder = Files.createTempDirectory("model");
      TokenBatch batch = SmallModel.batch(34, 5);
      try (CudaContext device = CudaContext.open(CudaDriver.get().device(0));
          EsmWeights weights = SmallModel.weights(folder);
          EsmEngine engine = EsmEngines.open("cuda", "f32", weights)) {
        long free = device.freeBytes();
        try {
          engine.encode(batch, ForwardObserver.NONE);
          System.out.println("fits");
        } catch (TurboEsmException e) {
          System.out.println(e.getClass().getSimpleName() + ": " + e.getMessage());
        }
        System.out.println("bytes left: " + (free - device.freeBytes()));
        System.out.println("healthy: " + engine.healthy());
        engine.encode(batch, ForwardObserver.NONE);
        System.out.println("later: fits");
      }
    }
  }

  /** Then no batch is small enough, and none is to be blamed. */
  @Test
  void deviceWithoutRoomForAnyBatchIsNoBatchesFault() throws Exception {
    assertThat(Emulator.run(OpenAndRun.class, "FAIL", "cublasCreate:1+:3", "f32"))
        .contains("opened")
        .containsPattern("TurboEsmException: GPU 0 .* has no memory left for any batch; nvidia-smi")
        .contains("cublasCreate failed with CUBLAS_STATUS_ALLOC_FAILED")
        .doesNotContain("ran");
    assertThat(Emulator.run(OpenAndRun.class, "FAIL", "cublasCreate:1:3", "f32")).contains("ran");
  }

  /** Runs a small batch, one that does not fit, and the small one again. */
  static final class SmallLargeSmall {
    public static void main(String[] arguments) throws Exception {
      Path folder = Files.createTempDirectory("model");
      TokenBatch small = SmallModel.batch(34, 5);
      try (EsmWeights weights = SmallModel.weights(folder);
          EsmEngine engine = EsmEngines.open("cuda", "f32", weights)) {
        float[] before = engine.encode(small, ForwardObserver.NONE);
        try {
          engine.encode(SmallModel.batch(3000, 3000), ForwardObserver.NONE);
          System.out.println("fits");
        } catch (TurboEsmException e) {
          System.out.println(e.getClass().getSimpleName() + ": " + e.getMessage());
        }
        System.out.println("healthy: " + engine.healthy());
        float[] after = engine.encode(small, ForwardObserver.NONE);
        System.out.println("same: " + Arrays.equals(before, after));
      }
    }
  }

  /** Room for one lane, or for two lanes but not for the work of both. */
  @ParameterizedTest
  @CsvSource({"1, encode", "2, encode", "1, decode", "2, decode"})
  void batchThatFitsAloneWaitsForItsNeighbour(int lanes, String neighbour) throws Exception {
    // What a session has beside its pass, and what says where tables lie, is less than 64 KiB.
    long memory =
        lanes * Lane.fixedBytes()
            + F32_BYTES
            + codecBytes(SmallModel.codec())
            + ROTARY_BYTES
            + passBytes(130)
            + (1 << 16);

    assertThat(Emulator.run(TwoAtOnce.class, "MEMORY", memory, neighbour))
        .contains("the second waits")
        .contains("first same: true", "second same: true");
  }

  /** Folded weights, maps and look-up tables. */
  private static long codecBytes(KvCodec codec) {
    MemoryPlan plan = new MemoryPlan(SmallModel.CONFIG, Precision.F32);
    long bytes = plan.foldedBytes() + plan.codecMapBytes();
    for (int l = 0; l < SmallModel.CONFIG.layers(); l++) {
      List<HeadCodec> heads = codec.heads().get(l);
      bytes += new PackedDecodePlan(heads, 99 << 10).tables().length;
      for (HeadCodec head : heads) {
        // Centroids and thresholds.
        bytes += 2 * (head.keyCodebook().bytes() + head.valueCodebook().bytes());
      }
    }
    return bytes;
  }

  /** Runs a batch while another is in the middle of its pass, and compares with one by one. */
  static final class TwoAtOnce {
    public static void main(String[] arguments) throws Exception {
      Path folder = Files.createTempDirectory("model");
      TokenBatch batch = SmallModel.batch(100);
      try (EsmWeights weights = SmallModel.weights(folder);
          EsmEngine engine = EsmEngines.open("cuda", "f32", weights);
          TurboEngine turbo = engine.turbo(SmallModel.codec())) {
        Function<ForwardObserver, float[]> first =
            arguments[0].equals("encode")
                ? observer -> engine.encode(batch, observer)
                : observer ->
                    new LockstepDecoder(turbo, KvPrecision.PACKED, rows -> observer)
                        .decode(batch, Prefill.parse("96"))
                        .hidden();
        run(first, () -> engine.encode(batch, ForwardObserver.NONE));
      }
    }

    static void run(Function<ForwardObserver, float[]> neighbour, Supplier<Object> work)
        throws InterruptedException {
      float[] expectedFirst = neighbour.apply(ForwardObserver.NONE);
      Object expectedSecond = work.get();
      CountDownLatch inside = new CountDownLatch(1);
      CountDownLatch goOn = new CountDownLatch(1);
      Object[] results = new Object[2];
      Thread first = new Thread(() -> results[0] = neighbour.apply(new Pausing(inside, goOn)));
      Thread second = new Thread(() -> results[1] = work.get());
      first.start();
      inside.await();
      second.start();
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
      while (second.getState() != Thread.State.WAITING && System.nanoTime() < deadline) {
        Thread.sleep(1);
      }
      System.out.println(
          "the second "
              + (second.getState() == Thread.State.WAITING ? "waits" : second.getState()));
      goOn.countDown();
      first.join();
      second.join();
      System.out.println("first same: " + Objects.deepEquals(results[0], expectedFirst));
      System.out.println("second same: " + Objects.deepEquals(results[1], expectedSecond));
    }
  }

  /**
   * Room for the passes of both, but not for the projections that calibration asks for in the
   * middle of its own: it gives its lane back, and runs the protein again alone.
   */
  @Test
  void calibrationThatFitsAloneWaitsForItsNeighbour() throws Exception {
    long memory = 2 * Lane.fixedBytes() + F32_BYTES + ROTARY_BYTES + 2 * passBytes(130);

    assertThat(Emulator.run(CalibrateBeside.class, "MEMORY", memory))
        .contains("the second waits")
        .contains("first same: true", "second same: true");
  }

  /** Calibrates while another pass is in the middle of its own, and compares with one by one. */
  static final class CalibrateBeside {
    public static void main(String[] arguments) throws Exception {
      Path folder = Files.createTempDirectory("model");
      TokenBatch batch = SmallModel.batch(100);
      String protein = "MKVLAAGIVR".repeat(10);
      try (EsmWeights weights = SmallModel.weights(folder);
          EsmEngine engine = EsmEngines.open("cuda", "f32", weights)) {
        OutputGrams grams = new OutputGrams(engine.config(), weights::attentionOutput);
        List<CodecSpec> codecs = List.of(CodecSpec.of("default", 3, 3));
        TwoAtOnce.run(
            observer -> engine.encode(batch, observer),
            () ->
                serialized(
                    CalibrationPasses.moments(engine, codecs, grams, List.of(protein).iterator())));
      }
    }

    private static byte[] serialized(List<MomentAccumulator> layers) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
        out.writeObject(layers.toArray());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      return bytes.toByteArray();
    }
  }

  /** Stops a pass at its first hidden state. */
  private record Pausing(CountDownLatch inside, CountDownLatch goOn) implements ForwardObserver {
    @Override
    public boolean seesAttention() {
      return false;
    }

    @Override
    public void hiddenState(int index, float[] hidden) {
      inside.countDown();
      try {
        goOn.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
  }
}
