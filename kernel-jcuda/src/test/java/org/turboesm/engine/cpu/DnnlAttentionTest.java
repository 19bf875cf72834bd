package org.turboesm.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.bytedeco.dnnl.memory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.turboesm.attention.AttentionKernels;
import org.turboesm.attention.reference.ReferenceAttentionKernels;
import org.turboesm.engine.Precision;

class DnnlAttentionTest {
  private static final int[] LENGTHS = {1, 2, 31, 32, 33, 127, 1022, 3000};
  private static final int[] HEAD_DIMS = {16, 24, 32, 64, 128};
  private static final long SEED = 20260101;

  private final AttentionKernels reference = new ReferenceAttentionKernels();

  static Stream<Arguments> sizes() {
    List<Arguments> sizes = new ArrayList<>();
    for (memory.data_type type : types()) {
      for (int headDim : HEAD_DIMS) {
        for (int length : LENGTHS) {
          sizes.add(Arguments.of(type, headDim, length));
        }
      }
    }
    return sizes.stream();
  }

  static List<memory.data_type> types() {
    return OneDnn.get().precisions().contains(Precision.BF16)
        ? List.of(memory.data_type.f32, memory.data_type.bf16)
        : List.of(memory.data_type.f32);
  }

  @ParameterizedTest(name = "{0}, headDim {1}, length {2}")
  @MethodSource("sizes")
  void oneSequenceIsTheReference(memory.data_type type, int headDim, int length) {
    assertIsTheReference(type, new Heads(1, headDim, length));
  }

  @ParameterizedTest
  @MethodSource("types")
  void raggedBatchIsTheReference(memory.data_type type) {
    assertIsTheReference(type, new Heads(3, 24, 1, 2, 31, 32, 33, 127));
    assertIsTheReference(type, new Heads(20, 16, 300, 5, 64));
  }

  /** Without centring, exp of the common offset of 200 would overflow. */
  @ParameterizedTest
  @MethodSource("types")
  void offsetThatAllKeysShareIsNotSeen(memory.data_type type) {
    Heads heads = new Heads(2, 32, 70);
    for (int i = 0; i < heads.queries.length; i++) {
      heads.queries[i] += 2;
      heads.keys[i] += 3.125f;
    }
    assertIsTheReference(type, heads);
  }

  /** Logits of several hundred leave the range of exp: the sequence goes to the other kernels. */
  @ParameterizedTest
  @MethodSource("types")
  void logitsBeyondExpAreComputedAllTheSame(memory.data_type type) {
    Heads heads = new Heads(2, 16, 50, 40);
    for (int i = 0; i < 50 * 2 * 16; i++) {
      heads.queries[i] *= 100;
    }
    float[] expected = heads.attend(reference);
    float[] actual = attend(type, heads);
    // The first sequence in f32 whatever the type, its logits of up to 1000 good to 1000 * 17 u.
    assertThat(worst(actual, expected, 0, 50 * 2 * 16))
        .as("seed %d", SEED)
        .isLessThan(2 * 1000 * 17 * 0x1p-24 * 4 * 4);
    assertThat(worst(actual, expected, 50 * 2 * 16, actual.length))
        .as("seed %d", SEED)
        .isLessThan(heads.limit(type));
  }

  @ParameterizedTest
  @MethodSource("types")
  void keyThatIsNoNumberIsNotHidden(memory.data_type type) {
    Heads heads = new Heads(1, 16, 20);
    heads.keys[5] = Float.NaN;
    assertThat(attend(type, heads)).contains(Float.NaN);
  }

  @ParameterizedTest
  @MethodSource("types")
  void proteinAloneIsTheProteinInABatchToTheBit(memory.data_type type) {
    Heads batch = new Heads(4, 24, 90, 200, 17, 513);
    float[] together = attend(type, batch);
    for (int s = 0; s < 4; s++) {
      float[] alone = attend(type, batch.sequence(s));
      int from = batch.cuSeqlens[s] * batch.hidden();
      assertThat(Arrays.copyOfRange(together, from, from + alone.length))
          .as("sequence %d, seed %d", s, SEED)
          .isEqualTo(alone);
    }
  }

  @Test
  void threadsThatShareItGetWhatOneGets() throws Exception {
    Heads heads = new Heads(4, 32, 33, 260, 100);
    try (DnnlAttention attention = new DnnlAttention(OneDnn.get(), memory.data_type.f32)) {
      float[] expected = heads.attend(attention);
      ExecutorService threads = Executors.newFixedThreadPool(6);
      try {
        List<Future<float[]>> runs = new ArrayList<>();
        for (int t = 0; t < 24; t++) {
          Callable<float[]> run = () -> heads.attend(attention);
          runs.add(threads.submit(run));
        }
        for (Future<float[]> run : runs) {
          assertThat(run.get()).isEqualTo(expected);
        }
      } finally {
        threads.shutdownNow();
      }
    }
  }

  private void assertIsTheReference(memory.data_type type, Heads heads) {
    float[] expected = heads.attend(reference);
    float[] actual = attend(type, heads);
    assertThat(worst(actual, expected, 0, actual.length))
        .as("largest difference, seed %d", SEED)
        .isLessThanOrEqualTo(heads.limit(type));
  }

  private static float[] attend(memory.data_type type, Heads heads) {
    try (DnnlAttention attention = new DnnlAttention(OneDnn.get(), type)) {
      return heads.attend(attention);
    }
  }

  private static double worst(float[] actual, float[] expected, int from, int to) {
    double worst = 0;
    for (int i = from; i < to; i++) {
      double difference = Math.abs((double) actual[i] - expected[i]);
      worst = difference <= worst ? worst : difference;
    }
    return worst;
  }

  /** Random queries, keys and values. */
  private static final class Heads {
    private final int heads;
    private final int headDim;
    private final int[] cuSeqlens;
    private final float[] queries;
    private final float[] keys;
    private final float[] values;

    Heads(int heads, int headDim, int... lengths) {
      this.heads = heads;
      this.headDim = headDim;
      this.cuSeqlens = new int[lengths.length + 1];
      for (int s = 0; s < lengths.length; s++) {
        cuSeqlens[s + 1] = cuSeqlens[s] + lengths[s];
      }
      Random random = new Random(SEED);
      int size = cuSeqlens[lengths.length] * hidden();
      queries = gaussians(random, size, 2 / Math.sqrt(headDim));
      keys = gaussians(random, size, 1);
      values = gaussians(random, size, 1);
    }

    private Heads(Heads batch, int s) {
      heads = batch.heads;
      headDim = batch.headDim;
      cuSeqlens = new int[] {0, batch.cuSeqlens[s + 1] - batch.cuSeqlens[s]};
      int from = batch.cuSeqlens[s] * hidden();
      int to = batch.cuSeqlens[s + 1] * hidden();
      queries = Arrays.copyOfRange(batch.queries, from, to);
      keys = Arrays.copyOfRange(batch.keys, from, to);
      values = Arrays.copyOfRange(batch.values, from, to);
    }

    Heads sequence(int s) {
      return new Heads(this, s);
    }

    int hidden() {
      return heads * headDim;
    }

    float[] attend(AttentionKernels kernels) {
      float[] output = new float[queries.length];
      kernels.prefill(heads, headDim, cuSeqlens, queries, keys, values, output);
      return output;
    }

    float[] attend(DnnlAttention attention) {
      float[] output = new float[queries.length];
      attention.prefill(heads, headDim, cuSeqlens, queries, keys, values, output);
      return output;
    }

    /**
     * The worst rounding, operands of roundoff r (2^-24, or 2^-9 in bf16) and sums in f32, u =
     * 2^-24. A centred key is at most twice the largest norm; its mean and the difference err by
     * (length + 1) u of that. A logit errs by (2 r + (headDim + length + 2) u) |q| |k|, exp by 4 u
     * and its result by r, values by r; sums over the length by length u each; numerator and
     * denominator alike: 2 (logit error + 2 r + (2 length + 8) u) max |v|.
     */
    double limit(memory.data_type type) {
      double u = 0x1p-24;
      double r = type == memory.data_type.bf16 ? 0x1p-9 : u;
      int length = 0;
      for (int s = 0; s + 1 < cuSeqlens.length; s++) {
        length = Math.max(length, cuSeqlens[s + 1] - cuSeqlens[s]);
      }
      double norms = maxNorm(queries) * 2 * maxNorm(keys);
      double logit = (2 * r + (headDim + length + 2) * u) * norms;
      double largest = 0;
      for (float value : values) {
        largest = Math.max(largest, Math.abs(value));
      }
      return 2 * (logit + 2 * r + (2 * length + 8) * u) * largest;
    }

    private double maxNorm(float[] vectors) {
      double max = 0;
      for (int first = 0; first < vectors.length; first += headDim) {
        double square = 0;
        for (int c = 0; c < headDim; c++) {
          square += (double) vectors[first + c] * vectors[first + c];
        }
        max = Math.max(max, Math.sqrt(square));
      }
      return max;
    }

    private static float[] gaussians(Random random, int size, double scale) {
      float[] values = new float[size];
      for (int i = 0; i < size; i++) {
        values[i] = (float) (random.nextGaussian() * scale);
      }
      return values;
    }
  }
}
