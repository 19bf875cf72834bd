package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.turboesm.engine.DecodeSession;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.KvPrecision;
import org.turboesm.engine.LockstepDecoder;
import org.turboesm.engine.Prefill;
import org.turboesm.engine.TurboEngine;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;

/** Tasks that share an engine: each gets what it would get alone, and none waits for ever. */
@Tag("cuda")
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CudaThreadsTest {
  private static final Prefill PREFILL = Prefill.parse("0.5");

  @TempDir Path folder;
  private EsmWeights weights;
  private EsmEngine engine;
  private TurboEngine turbo;
  private ExecutorService threads;

  @BeforeEach
  void open() {
    weights = SmallModel.weights(folder);
    engine = EsmEngines.open("cuda", "f32", weights);
    turbo = engine.turbo(SmallModel.codec());
    threads = Executors.newCachedThreadPool();
  }

  @AfterEach
  void close() {
    threads.shutdownNow();
    turbo.close();
    engine.close();
    weights.close();
  }

  private <T> List<T> atOnce(int count, Callable<T> task) throws Exception {
    List<Future<T>> running = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      running.add(threads.submit(task));
    }
    List<T> results = new ArrayList<>();
    for (Future<T> future : running) {
      results.add(future.get(100, TimeUnit.SECONDS));
    }
    return results;
  }

  /** More tasks than lanes, in all modes, over and over. */
  @Test
  void tasksAtOnceComputeWhatTheyComputeAlone() throws Exception {
    TokenBatch batch = SmallModel.batch(34, 5);
    List<float[]> alone = allModes(batch);

    for (List<float[]> results : atOnce(4, () -> allModes(batch))) {
      for (int i = 0; i < alone.size(); i++) {
        assertThat(results.get(i)).as("mode %d", i).isEqualTo(alone.get(i));
      }
    }
  }

  private List<float[]> allModes(TokenBatch batch) {
    float[] hidden = engine.encode(batch, ForwardObserver.NONE);
    return List.of(
        hidden,
        engine.logits(hidden, batch.size()),
        turbo.turbo(batch, ForwardObserver.NONE),
        LockstepDecoder.decode(turbo, batch, PREFILL, KvPrecision.PACKED).hidden(),
        LockstepDecoder.decode(turbo, batch, PREFILL, KvPrecision.FULL).hidden());
  }

  /**
   * As measuring fidelity does: attention outputs are projected while the pass that shows them
   * holds its lane. All tasks that can have a lane have one before the first asks for a second.
   */
  @Test
  void passesWhoseObserversCallTheEngineDoNotWaitForEachOther() throws Exception {
    TokenBatch batch = SmallModel.batch(20);
    float[] expected = projectedFromOutside(batch);
    CyclicBarrier allInside = new CyclicBarrier(2);

    for (float[] projected : atOnce(2, () -> projectedFromWithin(batch, allInside))) {
      assertThat(projected).isEqualTo(expected);
    }
  }

  private float[] projectedFromOutside(TokenBatch batch) {
    float[][] attended = new float[1][];
    engine.encode(
        batch,
        new ForwardObserver() {
          @Override
          public void attention(
              int layer, float[] queries, float[] keys, float[] values, float[] output) {
            if (layer == 1) {
              attended[0] = output.clone();
            }
          }
        });
    return engine.projectAttention(1, attended[0], batch.size());
  }

  private float[] projectedFromWithin(TokenBatch batch, CyclicBarrier allInside) {
    float[][] projected = new float[1][];
    engine.encode(
        batch,
        new ForwardObserver() {
          @Override
          public void attention(
              int layer, float[] queries, float[] keys, float[] values, float[] output) {
            if (layer == 1) {
              await(allInside);
              projected[0] = engine.projectAttention(1, output, batch.size());
            }
          }
        });
    return projected[0];
  }

  private static void await(CyclicBarrier barrier) {
    try {
      barrier.await(60, TimeUnit.SECONDS);
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  /** A task may compare two sessions step by step, and so may its neighbour. */
  @Test
  void sessionsOfOneThreadDoNotWaitForEachOther() throws Exception {
    TokenBatch prefix = SmallModel.batch(6);
    CyclicBarrier bothHaveOne = new CyclicBarrier(2);

    List<Long> bytes =
        atOnce(
            2,
            () -> {
              try (DecodeSession packed = session(prefix, KvPrecision.PACKED)) {
                await(bothHaveOne);
                try (DecodeSession full = session(prefix, KvPrecision.FULL)) {
                  packed.decode(new int[] {0}, new int[] {5}, ForwardObserver.NONE);
                  full.decode(new int[] {0}, new int[] {5}, ForwardObserver.NONE);
                  engine.encode(prefix, ForwardObserver.NONE);
                  return full.cacheBytes(0);
                }
              }
            });

    // Keys and values of seven tokens in two layers of 48 floats.
    assertThat(bytes).containsOnly(7L * 2 * 2 * 48 * Float.BYTES);
  }

  private DecodeSession session(TokenBatch prefix, KvPrecision precision) {
    return turbo.prefill(prefix, new int[] {10}, precision, ForwardObserver.NONE);
  }
}
