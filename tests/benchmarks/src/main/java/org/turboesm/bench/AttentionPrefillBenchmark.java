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
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.turboesm.attention.AttentionKernels;
import org.turboesm.attention.reference.ReferenceAttentionKernels;
import org.turboesm.attention.vector.VectorAttentionKernels;
import org.turboesm.engine.Precision;
import org.turboesm.engine.cpu.CpuAttentionKernels;

/** Bidirectional attention of one protein in all heads of a layer. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class AttentionPrefillBenchmark {
  private static final int HEADS = 4;

  /** Tokens of the protein. */
  @Param({"128", "512", "1022"})
  public int length;

  @Param({"16", "32", "64", "128"})
  public int headDim;

  /** Of the Vector API, and of oneDNN as the engine uses it in either precision. */
  @Param({"vector", "f32", "bf16"})
  public String kernel;

  private AttentionKernels kernels;
  private int[] cuSeqlens;
  private float[] queries;
  private float[] keys;
  private float[] values;
  private float[] output;

  /** Makes the inputs and checks the kernel on them. */
  @Setup
  public void setUp() {
    kernels =
        kernel.equals("vector")
            ? new VectorAttentionKernels()
            : new CpuAttentionKernels(Precision.parse(kernel).orElseThrow());
    NormalValues normal = new NormalValues();
    int size = length * HEADS * headDim;
    cuSeqlens = new int[] {0, length};
    queries = normal.array(size, 2 / Math.sqrt(headDim));
    keys = normal.array(size, 1);
    values = normal.array(size, 1);
    output = new float[size];
    float[] expected = new float[size];
    new ReferenceAttentionKernels()
        .prefill(HEADS, headDim, cuSeqlens, queries, keys, values, expected);
    ReferenceCheck.requireClose(
        "prefill of " + length + " tokens, headDim " + headDim,
        prefill(),
        expected,
        ReferenceCheck.tiledAttentionLimit(
            headDim,
            length,
            ReferenceCheck.largestNorm(queries, headDim),
            ReferenceCheck.largestNorm(keys, headDim),
            ReferenceCheck.largestMagnitude(values),
            kernel.equals("bf16") ? 0x1p-9 : 0x1p-24));
  }

  /** [length, heads, headDim]. */
  @Benchmark
  public float[] prefill() {
    kernels.prefill(HEADS, headDim, cuSeqlens, queries, keys, values, output);
    return output;
  }

  /** Gives native memory back. */
  @TearDown
  public void close() {
    kernels.close();
  }
}
