package org.turboesm.bench;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.turboesm.attention.AttentionKernels;
import org.turboesm.attention.AttentionState;
import org.turboesm.attention.vector.VectorAttentionKernels;

/** One query over one head's cache, which stays in the processor's caches. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class DecodeBenchmark {
  /** How the cache is kept: as floats, with 3 bits a channel, or with 0 to 7 by channel. */
  public enum Kept {
    FULL,
    UNIFORM,
    MIXED
  }

  @Param({"256", "1022", "4096"})
  public int kvLen;

  @Param public Kept cache;

  private final AttentionKernels kernels = new VectorAttentionKernels();
  private final AttentionState state = new AttentionState(DecodeCaches.HEAD_DIM);
  private DecodeCaches caches;

  /** Fills the cache and checks the kernel on it. */
  @Setup
  public void setUp() {
    NormalValues values = new NormalValues();
    caches =
        switch (cache) {
          case FULL -> DecodeCaches.full(values, kvLen, 1);
          case UNIFORM -> packed(values, NormalCodec.uniformBits(DecodeCaches.HEAD_DIM, 3));
          case MIXED -> packed(values, NormalCodec.mixedBits(DecodeCaches.HEAD_DIM));
        };
    caches.check(kernels);
  }

  private DecodeCaches packed(NormalValues values, int[] bits) {
    return DecodeCaches.packed(kernels, values, NormalCodec.head(bits), kvLen, 1);
  }

  /** The attention state over the whole cache; the query's map is included where it is packed. */
  @Benchmark
  public AttentionState decode() {
    state.reset();
    caches.decode(kernels, 0, state);
    return state;
  }
}
