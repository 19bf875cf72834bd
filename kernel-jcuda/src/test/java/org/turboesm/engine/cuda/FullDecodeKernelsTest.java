package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.turboesm.cuda.CudaContext;
import org.turboesm.cuda.CudaDriver;
import org.turboesm.cuda.CudaStream;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.cuda.KernelLibrary;
import org.turboesm.engine.Precision;
import org.turboesm.kv.PackedKvLayout;

/** Decode attention over full-precision blocks on the device against plain loops in double. */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class FullDecodeKernelsTest {
  private static final int BLOCK = PackedKvLayout.BLOCK_TOKENS;
  private static final int[] HEAD_DIMS = {16, 24, 32, 64, 128};
  private static final int[] LENGTHS = {1, 2, 31, 32, 33, 127, 1022, 3000};
  private static final int HEADS = 2;

  /** Every sequence once, in an order of its own, with padding between and behind. */
  private static final int[] ROWS = {6, -1, 0, 3, 7, 1, 5, -1, 2, 4, -1};

  /** What output holds before a launch. */
  private static final float UNWRITTEN = 7;

  private static final long SEED = 20260101;

  private final Map<String, FullDecodeKernels> kernels = new HashMap<>();
  private CudaContext context;
  private KernelLibrary library;
  private CudaStream stream;

  @BeforeAll
  void open() {
    context = CudaContext.open(CudaDriver.get().device(0));
    library = new KernelLibrary(context);
    stream = new CudaStream(context);
  }

  @AfterAll
  void close() {
    stream.close();
    library.close();
    context.close();
  }

  static Stream<Arguments> formats() {
    return Stream.of(Precision.F32, Precision.BF16, Precision.INT8)
        .flatMap(
            precision -> Arrays.stream(HEAD_DIMS).mapToObj(size -> Arguments.of(precision, size)));
  }

  @ParameterizedTest(name = "{0}, headDim {1}")
  @MethodSource("formats")
  void decodeEqualsTheReferenceAndLeavesPaddingAlone(Precision precision, int headDim) {
    Caches caches = new Caches(precision, headDim);
    int splits = FullDecodeKernels.splits(LENGTHS[7]);
    Result result = run(caches, ROWS, splits, caches.kvLens(), false);
    for (int r = 0; r < ROWS.length; r++) {
      for (int head = 0; head < HEADS; head++) {
        float[] output = result.output(r, head);
        if (ROWS[r] < 0) {
          assertThat(output).as("padding in row %d", r).containsOnly(UNWRITTEN);
        } else {
          assertOutput(caches, ROWS[r], r, head, splits, output);
        }
      }
    }
  }

  @ParameterizedTest(name = "{0}, headDim {1}")
  @MethodSource("formats")
  void everySplitIsTheStateOfItsTokens(Precision precision, int headDim) {
    Caches caches = new Caches(precision, headDim);
    int splits = FullDecodeKernels.splits(LENGTHS[7]);
    Result result = run(caches, ROWS, splits, caches.kvLens(), false);
    int splitTokens = FullDecodeKernels.BLOCKS_PER_SPLIT * BLOCK;
    for (int r = 0; r < ROWS.length; r++) {
      for (int split = 0; split < splits; split++) {
        int end = ROWS[r] < 0 ? 0 : Math.min(LENGTHS[ROWS[r]], (split + 1) * splitTokens);
        if (ROWS[r] >= 0) {
          assertState(caches, result, r, split, split * splitTokens, end);
        }
      }
    }
  }

  @ParameterizedTest(name = "{0}, headDim {1}")
  @MethodSource("formats")
  void tailsAreTheStateOfTheTokensThatFillNoBlock(Precision precision, int headDim) {
    Caches caches = new Caches(precision, headDim);
    int splits = 1 + FullDecodeKernels.splits(LENGTHS[7]);
    int[] blockTokens = Arrays.stream(LENGTHS).map(length -> length / BLOCK * BLOCK).toArray();
    Result result = run(caches, ROWS, splits, blockTokens, true);
    for (int r = 0; r < ROWS.length; r++) {
      if (ROWS[r] >= 0) {
        assertState(caches, result, r, splits - 1, blockTokens[ROWS[r]], LENGTHS[ROWS[r]]);
        for (int head = 0; head < HEADS; head++) {
          assertOutput(caches, ROWS[r], r, head, splits, result.output(r, head));
        }
      }
    }
  }

  @ParameterizedTest(name = "{0}, headDim {1}")
  @MethodSource("formats")
  void aRowDoesNotDependOnTheOthers(Precision precision, int headDim) {
    Caches caches = new Caches(precision, headDim);
    int row = 5;
    Result among = run(caches, ROWS, FullDecodeKernels.splits(LENGTHS[7]), caches.kvLens(), false);
    int sequence = ROWS[row];
    int[] alone = new int[row + 1];
    Arrays.fill(alone, -1);
    alone[row] = sequence;
    int splits = FullDecodeKernels.splits(LENGTHS[sequence]);
    Result single = run(caches, alone, splits, caches.kvLens(), false);
    for (int head = 0; head < HEADS; head++) {
      assertThat(single.output(row, head)).as("seed %d", SEED).isEqualTo(among.output(row, head));
    }
  }

  /** Keys and values of sequences of all lengths, and a query for each row. */
  private final class Caches {
    final Activations activations;
    final int headDim;
    final int[] firstSlot = new int[LENGTHS.length];
    final float[] blocks;
    final float[] tails;
    final float[] queries;

    /** What no token takes holds NaN, on the device too. */
    Caches(Precision precision, int headDim) {
      this.activations = new Activations(context, precision);
      this.headDim = headDim;
      int slots = 1;
      for (int s = 0; s < LENGTHS.length; s++) {
        firstSlot[s] = slots;
        slots += PackedKvLayout.blocks(LENGTHS[s]) + 1;
      }
      blocks = new float[slots * HEADS * 2 * headDim * BLOCK];
      tails = new float[LENGTHS.length * HEADS * 2 * headDim * BLOCK];
      Arrays.fill(blocks, Float.NaN);
      Arrays.fill(tails, Float.NaN);
      Random random = new Random(SEED);
      for (int s = 0; s < LENGTHS.length; s++) {
        for (int t = 0; t < LENGTHS[s]; t++) {
          for (int i = 0; i < HEADS * 2 * headDim; i++) {
            int head = i / (2 * headDim);
            blocks[element(s, t, head, i % (2 * headDim))] = (float) random.nextGaussian();
          }
        }
      }
      activations.round(blocks);
      int tailSize = HEADS * 2 * headDim * BLOCK;
      for (int s = 0; s < LENGTHS.length; s++) {
        if (LENGTHS[s] % BLOCK != 0) {
          int last = element(s, LENGTHS[s] / BLOCK * BLOCK, 0, 0);
          System.arraycopy(blocks, last, tails, s * tailSize, tailSize);
        }
      }
      queries = new float[ROWS.length * HEADS * headDim];
      for (int i = 0; i < queries.length; i++) {
        queries[i] = (float) (random.nextGaussian() * 2 / Math.sqrt(headDim));
      }
    }

    int[] kvLens() {
      return LENGTHS;
    }

    /** Keys are the channels from 0 on, values those from headDim on. */
    int element(int sequence, int token, int head, int channel) {
      int slot = firstSlot[sequence] + token / BLOCK;
      return ((slot * HEADS + head) * 2 * headDim + channel) * BLOCK + token % BLOCK;
    }

    ExpectedAttention expected(int sequence, int row, int head, int first, int end) {
      return ExpectedAttention.of(
          queries,
          (row * HEADS + head) * headDim,
          headDim,
          first,
          end,
          (token, channel) -> blocks[element(sequence, token, head, channel)],
          (token, channel) -> blocks[element(sequence, token, head, headDim + channel)]);
    }
  }

  /** Outputs are [rows, heads, headDim], and the partial states as PartialStates has them. */
  private record Result(
      int headDim, int splits, float[] outputs, float[] partialOutputs, float[] partialStates) {

    float[] output(int row, int head) {
      int offset = (row * HEADS + head) * headDim;
      return Arrays.copyOfRange(outputs, offset, offset + headDim);
    }

    float[] partialOutput(int row, int head, int split) {
      int offset = ((row * HEADS + head) * splits + split) * headDim;
      return Arrays.copyOfRange(partialOutputs, offset, offset + headDim);
    }

    float max(int row, int head, int split) {
      return partialStates[((row * HEADS + head) * splits + split) * 2];
    }

    float denominator(int row, int head, int split) {
      return partialStates[((row * HEADS + head) * splits + split) * 2 + 1];
    }
  }

  private Result run(
      Caches caches, int[] rows, int splits, int[] kvLensOfBlocks, boolean withTails) {
    Activations activations = caches.activations;
    int headDim = caches.headDim;
    FullDecodeKernels decode =
        kernels.computeIfAbsent(
            activations.precision() + " " + headDim,
            key -> new FullDecodeKernels(library, activations.precision(), headDim));
    float[] unwritten = new float[rows.length * HEADS * headDim];
    Arrays.fill(unwritten, UNWRITTEN);
    int partialOutputs =
        (int) (PartialStates.outputBytes(rows.length, HEADS, splits, headDim) / Float.BYTES);
    int partialStates = (int) (PartialStates.stateBytes(rows.length, HEADS, splits) / Float.BYTES);
    try (DeviceBuffer queries = DeviceBuffer.of(context, caches.queries, "queries");
        DeviceBuffer cache = activations.upload(caches.blocks, "cache");
        DeviceBuffer tails = activations.upload(caches.tails, "tails");
        DeviceBuffer firstSlot = DeviceBuffer.of(context, caches.firstSlot, "first slots");
        DeviceBuffer sequences = DeviceBuffer.of(context, rows, "sequences");
        DeviceBuffer blockTokens = DeviceBuffer.of(context, kvLensOfBlocks, "kvLens of blocks");
        DeviceBuffer kvLens = DeviceBuffer.of(context, caches.kvLens(), "kvLens");
        DeviceBuffer outputs = DeviceBuffer.of(context, nans(partialOutputs), "partial outputs");
        DeviceBuffer states = DeviceBuffer.of(context, nans(partialStates), "partial states");
        DeviceBuffer output = activations.upload(unwritten, "output")) {
      PartialStates partial = new PartialStates(splits, outputs, states);
      decode.decode(
          stream, rows.length, HEADS, queries, cache, firstSlot, sequences, blockTokens, partial);
      if (withTails) {
        decode.decodeTails(stream, rows.length, HEADS, queries, tails, sequences, kvLens, partial);
      }
      decode.merge(stream, rows.length, HEADS, partial, sequences, output);
      return new Result(
          headDim,
          splits,
          activations.download(output, unwritten.length),
          outputs.floats(partialOutputs),
          states.floats(partialStates));
    }
  }

  private static float[] nans(int size) {
    float[] values = new float[size];
    Arrays.fill(values, Float.NaN);
    return values;
  }

  private static void assertOutput(
      Caches caches, int sequence, int row, int head, int splits, float[] output) {
    int kvLen = LENGTHS[sequence];
    ExpectedAttention expected = caches.expected(sequence, row, head, 0, kvLen);
    double roundoff = caches.activations.roundoff();
    double worst = 0;
    for (int c = 0; c < caches.headDim; c++) {
      double limit = expected.limit(c, kvLen, rescales(splits), 0, roundoff);
      // Math.max carries NaN on, so that no result that is no number passes.
      worst = Math.max(worst, Math.abs(output[c] - expected.output()[c]) / limit);
    }
    assertThat(worst)
        .as("difference over its limit: kvLen %d, head %d, seed %d", kvLen, head, SEED)
        .isLessThanOrEqualTo(1);
  }

  /** A warp's blocks of a split, then the merges of warps and of splits. */
  private static int rescales(int splits) {
    return FullDecodeKernels.BLOCKS_PER_SPLIT + 1 + splits;
  }

  private static void assertState(
      Caches caches, Result result, int row, int split, int first, int end) {
    for (int head = 0; head < HEADS; head++) {
      float max = result.max(row, head, split);
      float denominator = result.denominator(row, head, split);
      float[] output = result.partialOutput(row, head, split);
      if (first >= end) {
        assertThat(max).isEqualTo(Float.NEGATIVE_INFINITY);
        assertThat(denominator).isEqualTo(0);
        assertThat(output).containsOnly(0);
        continue;
      }
      ExpectedAttention expected = caches.expected(ROWS[row], row, head, first, end);
      int rescales = rescales(0);
      double worst =
          Math.abs(max + Math.log(denominator) / Math.log(2) - expected.logSum())
              / expected.logSumLimit(end - first, rescales);
      for (int c = 0; c < caches.headDim; c++) {
        double limit = expected.limit(c, end - first, rescales, 0, 0);
        worst =
            Math.max(
                worst, Math.abs((double) output[c] / denominator - expected.output()[c]) / limit);
      }
      assertThat(worst)
          .as("difference over its limit: row %d, split %d, seed %d", row, split, SEED)
          .isLessThanOrEqualTo(1);
      // d counts the key that m is of.
      assertThat(denominator).isGreaterThanOrEqualTo(1 - 0x1p-20f);
    }
  }
}
