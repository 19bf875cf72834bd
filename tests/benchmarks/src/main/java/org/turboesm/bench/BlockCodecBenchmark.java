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
import org.turboesm.attention.reference.ReferenceAttentionKernels;
import org.turboesm.attention.vector.VectorAttentionKernels;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.PackedKvLayout;

/** Packing one block's keys, 32 tokens of a head, and reading them back from the tables. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class BlockCodecBenchmark {
  private static final int HEAD_DIM = 64;

  /** The channels' widths: 3 bits each, or 0 to 7 in turn. */
  public enum Widths {
    UNIFORM,
    MIXED
  }

  @Param public Widths bits;

  private final AttentionKernels kernels = new VectorAttentionKernels();
  private Codebook codebook;
  private float[] channels;
  private float[] readBack;
  private int[] words;

  /** Makes a block and checks both kernels on it. */
  @Setup
  public void setUp() {
    int[] widths =
        bits == Widths.UNIFORM
            ? NormalCodec.uniformBits(HEAD_DIM, 3)
            : NormalCodec.mixedBits(HEAD_DIM);
    codebook = NormalCodec.codebook(widths);
    int planes = new PackedKvLayout(widths, new int[HEAD_DIM], false).wordsPerBlock();
    channels = new NormalValues().array(HEAD_DIM * PackedKvLayout.BLOCK_TOKENS, 1);
    readBack = new float[channels.length];
    words = new int[planes];

    AttentionKernels reference = new ReferenceAttentionKernels();
    int[] expectedWords = new int[planes];
    reference.pack(channels, 0, PackedKvLayout.BLOCK_TOKENS, codebook, expectedWords, 0);
    ReferenceCheck.requireEqual("pack", pack(), expectedWords);
    float[] expected = new float[channels.length];
    reference.unpack(expectedWords, 0, codebook, expected);
    ReferenceCheck.requireEqual("unpack", unpack(), expected);
  }

  /** The block's planes. */
  @Benchmark
  public int[] pack() {
    kernels.pack(channels, 0, PackedKvLayout.BLOCK_TOKENS, codebook, words, 0);
    return words;
  }

  /** [headDim, 32]. */
  @Benchmark
  public float[] unpack() {
    kernels.unpack(words, 0, codebook, readBack);
    return readBack;
  }
}
