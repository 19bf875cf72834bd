package org.turboesm.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.turboesm.attention.AttentionKernels;
import org.turboesm.attention.AttentionState;
import org.turboesm.attention.vector.VectorAttentionKernels;

/**
 * Decode over the packed cache against decode over the full-precision one: {@code DecodeComparison
 * THREADS REPEATS}. The variants take turns within each repeat.
 */
final class DecodeComparison {
  private static final int[] KV_LENGTHS = {256, 1022, 4096};
  private static final Path LAST_LEVEL_CACHE =
      Path.of("/sys/devices/system/cpu/cpu0/cache/index3/size");
  private static final long CACHE_BYTES_IF_UNKNOWN = 32L << 20;
  private static final double SAMPLE_SECONDS = 0.5;

  /** Vector code is slow until the compiler's last stage has taken it. */
  private static final double WARM_UP_SECONDS = 2;

  private final AttentionKernels kernels = new VectorAttentionKernels();
  private final ComparisonOutput output = new ComparisonOutput();
  private final ExecutorService executor;
  private final int repeats;

  private DecodeComparison(ExecutorService executor, int repeats) {
    this.executor = executor;
    this.repeats = repeats;
  }

  /** A kind of cache. */
  private record Variant(String precision, DecodeCaches caches) {}

  public static void main(String[] arguments) throws Exception {
    int threads = Integer.parseInt(arguments[0]);
    ExecutorService executor = Executors.newFixedThreadPool(threads);
    try {
      DecodeComparison comparison = new DecodeComparison(executor, Integer.parseInt(arguments[1]));
      for (int kvLen : KV_LENGTHS) {
        comparison.compare(kvLen, threads);
      }
      comparison.output.peakMemory();
    } finally {
      executor.shutdown();
    }
  }

  private void compare(int kvLen, int threads) throws Exception {
    NormalValues values = new NormalValues();
    long bytes = 2 * lastLevelCacheBytes();
    int headDim = DecodeCaches.HEAD_DIM;
    List<Variant> variants =
        List.of(
            new Variant("full", DecodeCaches.full(values, kvLen, bytes)),
            new Variant(
                "packed 3 bits", packed(values, NormalCodec.uniformBits(headDim, 3), kvLen, bytes)),
            new Variant(
                "packed 0-7 bits", packed(values, NormalCodec.mixedBits(headDim), kvLen, bytes)));
    variants.forEach(variant -> variant.caches().check(kernels));
    for (int cores : threads == 1 ? new int[] {1} : new int[] {1, threads}) {
      measure(variants, kvLen, cores);
    }
  }

  private DecodeCaches packed(NormalValues values, int[] bits, int kvLen, long bytes) {
    return DecodeCaches.packed(kernels, values, NormalCodec.head(bits), kvLen, bytes);
  }

  private void measure(List<Variant> variants, int kvLen, int cores) throws Exception {
    String workload = "decode kvLen " + kvLen + ", " + cores + (cores == 1 ? " core" : " cores");
    int[] passes = new int[variants.size()];
    List<List<Double>> nanoseconds = new ArrayList<>();
    for (int v = 0; v < passes.length; v++) {
      DecodeCaches caches = variants.get(v).caches();
      warmUp(caches, cores);
      passes[v] = (int) Math.max(1, Math.ceil(SAMPLE_SECONDS / seconds(caches, cores, 1)));
      nanoseconds.add(new ArrayList<>());
    }
    for (int repeat = 0; repeat < repeats; repeat++) {
      for (int v = 0; v < passes.length; v++) {
        Variant variant = variants.get(v);
        double seconds = seconds(variant.caches(), cores, passes[v]);
        long queries = (long) passes[v] * variant.caches().count();
        long tokens = queries * kvLen;
        output.sample(
            "turboesm",
            variant.precision(),
            "headDim " + DecodeCaches.HEAD_DIM,
            workload,
            tokens,
            4.0 * tokens * DecodeCaches.HEAD_DIM,
            seconds);
        nanoseconds.get(v).add(seconds * 1e9 / queries);
      }
    }
    for (int v = 0; v < passes.length; v++) {
      double[] sorted = nanoseconds.get(v).stream().mapToDouble(t -> t).sorted().toArray();
      DecodeCaches caches = variants.get(v).caches();
      output.decode(
          kvLen,
          cores,
          variants.get(v).precision(),
          sorted[sorted.length / 2],
          caches.bytesPerToken());
    }
  }

  private void warmUp(DecodeCaches caches, int cores) throws Exception {
    double spent = 0;
    while (spent < WARM_UP_SECONDS) {
      spent += seconds(caches, cores, 1);
    }
  }

  /** Seconds of passes over all caches, shared by {@code cores} threads. */
  private double seconds(DecodeCaches caches, int cores, int passes) throws Exception {
    long start = System.nanoTime();
    List<Future<?>> running = new ArrayList<>();
    for (int core = 0; core < cores; core++) {
      int first = caches.count() * core / cores;
      int end = caches.count() * (core + 1) / cores;
      running.add(executor.submit(() -> pass(caches, first, end, passes)));
    }
    for (Future<?> task : running) {
      task.get();
    }
    return (System.nanoTime() - start) / 1e9;
  }

  private void pass(DecodeCaches caches, int first, int end, int passes) {
    AttentionState state = new AttentionState(DecodeCaches.HEAD_DIM);
    float[] target = new float[DecodeCaches.HEAD_DIM];
    double sum = 0;
    for (int pass = 0; pass < passes; pass++) {
      for (int cache = first; cache < end; cache++) {
        state.reset();
        caches.decode(kernels, cache, state);
        state.write(target, 0);
        sum += target[0];
      }
    }
    if (Double.isNaN(sum)) {
      throw new IllegalStateException("an attention output is not a number");
    }
  }

  private static long lastLevelCacheBytes() throws IOException {
    if (!Files.isReadable(LAST_LEVEL_CACHE)) {
      return CACHE_BYTES_IF_UNKNOWN;
    }
    String size = Files.readString(LAST_LEVEL_CACHE).strip();
    return Long.parseLong(size.substring(0, size.length() - 1)) * 1024;
  }
}
