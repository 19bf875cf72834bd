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
import org.turboesm.engine.Precision;
import org.turboesm.engine.cpu.CpuOperators;
import org.turboesm.engine.reference.ReferenceOperators;
import org.turboesm.esm2.LayerNormWeights;

/** LayerNorm of a batch's rows, at the hidden sizes of 8M, 35M, 150M and 650M. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class LayerNormBenchmark {
  private static final int ROWS = 256;
  private static final float EPS = 1e-5f;

  @Param({"320", "480", "640", "1280"})
  public int hidden;

  private CpuOperators operators;
  private LayerNormWeights weights;
  private float[] input;
  private float[] output;

  /** Makes the rows and checks the kernel on them. */
  @Setup
  public void setUp() {
    NormalValues normal = new NormalValues();
    operators = new CpuOperators(Precision.F32);
    input = normal.array(ROWS * hidden, 1);
    weights = new LayerNormWeights(normal.array(hidden, 1), normal.array(hidden, 1));
    output = new float[input.length];
    float[] expected = new float[input.length];
    new ReferenceOperators().layerNorm(input, ROWS, weights, EPS, expected);
    // Mean and variance are sums of hidden terms of relative error hidden u at most; a normalized
    // value of at most v
    // takes both over, and scale and shift add two roundings. Twice that, for two kernels.
    double largest =
        ReferenceCheck.largestMagnitude(input) * ReferenceCheck.largestMagnitude(weights.weight())
            + ReferenceCheck.largestMagnitude(weights.bias());
    ReferenceCheck.requireClose(
        "layerNorm", layerNorm(), expected, 2 * (2 * hidden + 2) * 0x1p-24 * 2 * largest);
  }

  /** [rows, hidden]. */
  @Benchmark
  public float[] layerNorm() {
    operators.layerNorm(input, ROWS, weights, EPS, output);
    return output;
  }

  /** Gives the operators back. */
  @TearDown
  public void close() {
    operators.close();
  }
}
