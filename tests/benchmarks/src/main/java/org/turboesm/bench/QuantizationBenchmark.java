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
import org.turboesm.TurboEsmException;
import org.turboesm.attention.vector.Bfloat16;
import org.turboesm.engine.cpu.RowQuantizer;

/** Activations of a row to bytes and to bfloat16, at hidden and intermediate sizes. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class QuantizationBenchmark {
  @Param({"320", "640", "1280", "5120"})
  public int size;

  private float[] row;
  private byte[] bytes;
  private short[] halves;

  /** Makes a row and checks both forms of it. */
  @Setup
  public void setUp() {
    row = new NormalValues().array(size, 1);
    bytes = new byte[size];
    halves = new short[size];
    float scale = toBytes();
    toBfloat16();
    for (int i = 0; i < size; i++) {
      // Half a step, and 127 roundings of the scale; half a unit of eight bits.
      require(Math.abs(bytes[i] * scale - row[i]) <= 0.5001 * scale, i);
      require(
          Math.abs(Float.intBitsToFloat(halves[i] << 16) - row[i]) <= 0x1p-8 * Math.abs(row[i]), i);
    }
  }

  private static void require(boolean close, int i) {
    if (!close) {
      throw new TurboEsmException("value " + i + " is quantized wrongly; it is not timed");
    }
  }

  /** The scale. */
  @Benchmark
  public float toBytes() {
    return RowQuantizer.quantize(row, 0, size, Byte.MAX_VALUE, 0, bytes);
  }

  /** [size]. */
  @Benchmark
  public short[] toBfloat16() {
    Bfloat16.round(row, 0, size, halves, 0);
    return halves;
  }
}
