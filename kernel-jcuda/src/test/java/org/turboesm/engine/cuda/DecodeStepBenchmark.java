package org.turboesm.engine.cuda;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.turboesm.device.ResultRow;
import org.turboesm.device.Workload;
import org.turboesm.engine.DecodeSession;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.KvPrecision;
import org.turboesm.engine.Precision;
import org.turboesm.engine.RandomProteins;
import org.turboesm.engine.TurboEngine;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.EsmTokenizer;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;

/**
 * Steps of a decode session, the whole model, as the host sees them. A session's first step is
 * queued kernel by kernel, its second records the graph, later ones replay it: so the first steps
 * of several sessions are what a step costs without graphs.
 */
public final class DecodeStepBenchmark {
  private static final String PART = "decode step";
  private static final int SESSIONS = 6;
  private static final int STEPS_BEFORE = 3;

  private final Workload workload;
  private final Consumer<ResultRow> rows;

  public DecodeStepBenchmark(Workload workload, Consumer<ResultRow> rows) {
    this.workload = workload;
    this.rows = rows;
  }

  /** Over packed caches and over full ones, in bfloat16. */
  public void run() {
    EsmConfig config = workload.model();
    try (EsmWeights weights = EsmWeights.open(ModelFolder.of(workload));
        EsmEngine engine = new CudaEngineProvider().open(weights, Precision.BF16, 0);
        TurboEngine turbo =
            engine.turbo(
                NormalHeadCodec.model(
                    config.layers(),
                    config.heads(),
                    NormalHeadCodec.of(
                        NormalHeadCodec.uniform(config.headDim(), 3),
                        NormalHeadCodec.uniform(config.headDim(), 3)),
                    true))) {
      measure(turbo, KvPrecision.PACKED, "packed, K3 V3");
      measure(turbo, KvPrecision.FULL, "full precision");
    }
  }

  private void measure(TurboEngine turbo, KvPrecision precision, String name) {
    SplittableRandom random = new SplittableRandom(Workload.SEED);
    List<int[]> prefixes = new ArrayList<>();
    for (int s = 0; s < workload.stepBatch(); s++) {
      prefixes.add(RandomProteins.tokens(random, workload.stepPrefix()));
    }
    TokenBatch batch = TokenBatch.of(prefixes);
    int steps = 2 * workload.repeats() + STEPS_BEFORE;
    int[] capacities = new int[workload.stepBatch()];
    Arrays.fill(capacities, workload.stepPrefix() + steps);
    int[] sequences = IntStream.range(0, workload.stepBatch()).toArray();
    int[] tokens = new int[workload.stepBatch()];
    Arrays.fill(tokens, EsmTokenizer.FIRST_RESIDUE);

    List<Double> queued = new ArrayList<>();
    List<Double> replayed = new ArrayList<>();
    for (int i = 0; i < SESSIONS; i++) {
      try (DecodeSession session =
          turbo.prefill(batch, capacities, precision, ForwardObserver.NONE)) {
        boolean last = i == SESSIONS - 1;
        for (int step = 0; step < (last ? steps : 1); step++) {
          long start = System.nanoTime();
          session.decode(sequences, tokens, ForwardObserver.NONE);
          double time = (System.nanoTime() - start) / 1e3;
          // The first session's step loads code.
          if (step == 0 && i > 0) {
            queued.add(time);
          } else if (step >= STEPS_BEFORE) {
            replayed.add(time);
          }
        }
      }
    }
    double without = median(queued);
    double with = median(replayed);
    report(name + ", kernel by kernel", without, "");
    report(
        name + ", graph",
        with,
        String.format("without a graph %.0f %% more", 100 * (without / with - 1)));
  }

  private static double median(List<Double> values) {
    return BenchmarkDevice.median(values.stream().mapToDouble(Double::doubleValue).toArray());
  }

  private void report(String subject, double time, String note) {
    rows.accept(
        ResultRow.timed(
            PART,
            String.format(
                "%d sequences after %d tokens, %s",
                workload.stepBatch(), workload.stepPrefix(), subject),
            time,
            1e6 * workload.stepBatch() / time,
            "tokens/s",
            note));
  }
}
