package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.PackedKvLayout;
import org.turboesm.kv.RandomCodec;

/** Decode attention over packed blocks of random bits, against sums in double. */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PackedDecodeKernelsTest {
  private static final long SEED = 20260303;
  private static final int HEADS = 2;
  private static final int BLOCK = PackedKvLayout.BLOCK_TOKENS;
  private static final double EPS = 0x1p-23;

  /** What a block can ask for on sm_86 and sm_89, the least of all, and on sm_90. */
  private static final int LEAST_SHARED_BYTES = 99 << 10;

  private static final int MOST_SHARED_BYTES = 227 << 10;

  /** What buffers hold before a launch. */
  private static final float UNWRITTEN = 42;

  private final KeptResources kept = new KeptResources();
  private TestDevice device;

  @BeforeAll
  void open() {
    device = new TestDevice();
  }

  @AfterEach
  void freeBuffers() {
    device.freeBuffers();
    kept.free();
  }

  @AfterAll
  void close() {
    device.close();
  }

  @ParameterizedTest(name = "headDim {0}")
  @ValueSource(ints = {8, 16, 24, 32, 40, 64, 72, 96, 128})
  void codesOfAllWidthsMixedEqualTheReference(int headDim) {
    SplittableRandom random = new SplittableRandom(SEED + headDim);
    List<HeadCodec> heads =
        IntStream.range(0, HEADS)
            .mapToObj(
                h ->
                    RandomCodec.head(
                        random,
                        RandomCodec.bits(random, headDim),
                        RandomCodec.bits(random, headDim)))
            .toList();
    assertEqualsReference(random, heads, new int[] {1, 2, 31, 32, 33, 127, 1022}, false);
  }

  @ParameterizedTest(name = "{0} bits")
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7, 8})
  void codesOfOneWidthEqualTheReference(int bits) {
    assertOneWidthEqualsReference(64, bits, new int[] {33, 127}, false);
  }

  @Test
  void aSequenceOfManySplitsEqualsTheReference() {
    assertOneWidthEqualsReference(64, 3, new int[] {3000, 5}, false);
  }

  /** 128 tables of 256 entries are 128 KiB: they are read half at a time, and words in turns. */
  @ParameterizedTest(name = "{0} bits")
  @ValueSource(ints = {7, 8})
  void tablesOfAllChannelsNeedNotFitInSharedMemoryAtOnce(int bits) {
    assertThat(planOfWidth(bits, LEAST_SHARED_BYTES).sharedBytes())
        .isLessThanOrEqualTo(LEAST_SHARED_BYTES);

    assertOneWidthEqualsReference(128, bits, new int[] {32, 70, 1022}, false);
  }

  /** So that a multiprocessor has room for several blocks of threads. */
  @Test
  void fewerBlocksAreStagedAtOnceWhereSharedMemoryIsShort() {
    assertThat(planOfWidth(3, MOST_SHARED_BYTES).stagedBlocks()).isEqualTo(4);
    assertThat(planOfWidth(3, LEAST_SHARED_BYTES).stagedBlocks()).isEqualTo(2);
    assertThat(planOfWidth(8, LEAST_SHARED_BYTES).stagedBlocks()).isEqualTo(1);
  }

  /** Few and small tables: what lies behind them must be aligned all the same. */
  @ParameterizedTest(name = "{0} key channels of 4 bits, values of {1}")
  @CsvSource({"0, 1", "0, 3", "16, 2", "16, 3"})
  void channelsWithoutKeyBitsLeaveTheValuesRight(int codedChannels, int valueBits) {
    SplittableRandom random = new SplittableRandom(SEED + codedChannels + valueBits);
    int[] keyBits = filled(64, 0);
    Arrays.fill(keyBits, 0, codedChannels, 4);
    List<HeadCodec> heads =
        IntStream.range(0, HEADS)
            .mapToObj(h -> RandomCodec.head(random, keyBits, filled(64, valueBits)))
            .toList();
    assertEqualsReference(random, heads, new int[] {33, 127}, false);
  }

  /**
   * Of heads of 128 channels, 64 are read at a time: of the first or the last some have no codes.
   */
  @ParameterizedTest(name = "{0} channels with codes")
  @ValueSource(ints = {0, 20, 40, 64, 80, 100})
  void channelsWithoutCodesLeaveTheOthersRight(int codedChannels) {
    SplittableRandom random = new SplittableRandom(SEED + codedChannels);
    int[] bits = filled(128, 0);
    Arrays.fill(bits, 0, codedChannels, 3);
    List<HeadCodec> heads =
        IntStream.range(0, HEADS).mapToObj(h -> RandomCodec.head(random, bits, bits)).toList();
    assertEqualsReference(random, heads, new int[] {33, 1022}, true);
  }

  /** One kernel serves all layers and codecs: the largest share of shared memory stays granted. */
  @Test
  void aLayerOfSmallerTablesTakesNoSharedMemoryFromALargerOne() {
    int available = device.stream().context().device().sharedBytesPerBlock();
    PackedDecodePlan larger = planOfWidth(8, available);
    PackedDecodePlan smaller = planOfWidth(7, available);
    assertThat(smaller.sharedBytes()).isBetween(48 << 10, larger.sharedBytes() - 1);
    PackedDecodeKernels kernels = new PackedDecodeKernels(device.library(), 128);
    kernels.prepare(larger);
    kernels.prepare(smaller);
    SplittableRandom random = new SplittableRandom(SEED);
    Run run = new Run(random, heads(random, 128, 8), new int[] {40}, false);

    assertThat(run.attendBy(kernels)).isEqualTo(run.attend());
  }

  @Test
  void tokensInATailAreLeftOutAndTheTailsSplitIsLeftAsItIs() {
    assertOneWidthEqualsReference(32, 3, new int[] {1, 31, 32, 33, 600}, true);
  }

  @ParameterizedTest(name = "{0} value bits")
  @ValueSource(ints = {0, 1, 3, 5})
  void valuesScaledByTokenEqualTheReference(int bits) {
    SplittableRandom random = new SplittableRandom(SEED + bits);
    HeadCodec scaled =
        RandomCodec.withTokenScales(RandomCodec.head(random, filled(24, 4), filled(24, bits)));
    HeadCodec plain = RandomCodec.head(random, filled(24, 4), filled(24, bits));
    assertEqualsReference(random, List.of(scaled, plain), new int[] {1, 33, 300}, false);
  }

  @Test
  void aSequencesResultDependsOnNoneBesideIt() {
    SplittableRandom random = new SplittableRandom(SEED);
    List<HeadCodec> heads = heads(random, 64, 3);
    Run together = new Run(random, heads, new int[] {700, 40, 90}, false);
    float[] all = together.attend();

    float[] one = together.attendOnly(1);

    int size = HEADS * 64;
    assertThat(Arrays.copyOfRange(all, size, 2 * size)).isEqualTo(one);
  }

  private void assertOneWidthEqualsReference(
      int headDim, int bits, int[] lengths, boolean withTail) {
    SplittableRandom random = new SplittableRandom(SEED + 100 * headDim + bits);
    assertEqualsReference(random, heads(random, headDim, bits), lengths, withTail);
  }

  /** Of heads of 128 channels. */
  private static PackedDecodePlan planOfWidth(int bits, int sharedBytesPerBlock) {
    return new PackedDecodePlan(heads(new SplittableRandom(SEED), 128, bits), sharedBytesPerBlock);
  }

  private static List<HeadCodec> heads(SplittableRandom random, int headDim, int bits) {
    return IntStream.range(0, HEADS)
        .mapToObj(h -> RandomCodec.head(random, filled(headDim, bits), filled(headDim, bits)))
        .toList();
  }

  private static int[] filled(int size, int value) {
    int[] filled = new int[size];
    Arrays.fill(filled, value);
    return filled;
  }

  private void assertEqualsReference(
      SplittableRandom random, List<HeadCodec> heads, int[] lengths, boolean withTail) {
    Run run = new Run(random, heads, lengths, withTail);
    float[] actual = run.attend();
    int headDim = heads.get(0).headDim();
    for (int s = 0; s < lengths.length; s++) {
      for (int h = 0; h < HEADS; h++) {
        double[] expected = run.expected(s, h);
        double limit = run.limit(s, h);
        assertThat(run.logSum(s, h))
            .as("seed %d, length %d, head %d, log2 of the weights' sum", SEED, lengths[s], h)
            .isEqualTo(run.expectedLogSum(s, h), within(run.logitLimit(s, h)));
        for (int c = 0; c < headDim; c++) {
          assertThat((double) actual[(s * HEADS + h) * headDim + c])
              .as("seed %d, length %d, head %d, channel %d", SEED, lengths[s], h, c)
              .isEqualTo(expected[c], within(limit));
        }
      }
    }
  }

  private static int[] firstSlots(PackedBatch batch) {
    int[] firstSlots = new int[batch.lengths().length];
    Arrays.fill(firstSlots, -1);
    for (PackedBatch.Block block : batch.blocks()) {
      if (firstSlots[block.sequence()] < 0) {
        firstSlots[block.sequence()] = block.slot();
      }
    }
    return firstSlots;
  }

  /** A batch of caches of random bits and a query for each. */
  private final class Run {
    private final List<HeadCodec> heads;
    private final int[] lengths;
    private final boolean withTail;
    private final int headDim;
    private final LayerCodec codec;
    private final PackedBatch batch;
    private final DeviceBuffer words;
    private final DeviceBuffer scales;
    private final DownloadedSlots slots;
    private final float[] queries;
    private final int[] firstSlots;
    private double[] logSums;

    Run(SplittableRandom random, List<HeadCodec> heads, int[] lengths, boolean withTail) {
      this.heads = heads;
      this.lengths = lengths;
      this.withTail = withTail;
      this.headDim = heads.get(0).headDim();
      this.codec = kept.keep(new LayerCodec(device.stream().context(), heads));
      this.batch = new PackedBatch(lengths, false);
      this.firstSlots = firstSlots(batch);
      this.words =
          device.upload(random.ints((long) batch.slots() * codec.wordsPerSlot()).toArray());
      short[] bfloat16 = new short[batch.slots() * HEADS * BLOCK];
      for (int i = 0; i < bfloat16.length; i++) {
        bfloat16[i] = (short) (Float.floatToIntBits(random.nextFloat(2)) >>> 16);
      }
      this.scales = device.upload(bfloat16);
      this.slots = new DownloadedSlots(codec, HEADS, headDim, words, scales);
      // Logits then have a deviation of about two, as attention has.
      this.queries = RandomCodec.floats(random, lengths.length * HEADS * headDim);
      for (int i = 0; i < queries.length; i++) {
        queries[i] *= (float) (2 / Math.sqrt(headDim));
      }
    }

    /** All sequences, and a row of padding behind them: [sequences, heads, headDim]. */
    float[] attend() {
      return attend(IntStream.range(0, lengths.length).toArray());
    }

    /** One sequence: [heads, headDim]. */
    float[] attendOnly(int sequence) {
      return attend(new int[] {sequence});
    }

    /** All sequences, by kernels that are prepared already. */
    float[] attendBy(PackedDecodeKernels kernels) {
      return attend(kernels, IntStream.range(0, lengths.length).toArray());
    }

    private float[] attend(int[] sequences) {
      PackedDecodeKernels kernels = new PackedDecodeKernels(device.library(), headDim);
      kernels.prepare(codec.decodePlan());
      return attend(kernels, sequences);
    }

    private float[] attend(PackedDecodeKernels kernels, int[] sequences) {
      int rows = sequences.length + 1;
      int[] rowSequences = Arrays.copyOf(sequences, rows);
      rowSequences[sequences.length] = -1;
      float[] rowQueries = new float[rows * HEADS * headDim];
      int size = HEADS * headDim;
      for (int i = 0; i < sequences.length; i++) {
        System.arraycopy(queries, sequences[i] * size, rowQueries, i * size, size);
      }
      int longest = Arrays.stream(lengths).max().orElseThrow();
      int splits = PackedDecodeKernels.splits(longest) + (withTail ? 1 : 0);
      float[] unwritten = new float[rows * HEADS * splits * headDim];
      Arrays.fill(unwritten, UNWRITTEN);
      float[] unwrittenStates = new float[rows * HEADS * splits * 2];
      Arrays.fill(unwrittenStates, UNWRITTEN);
      PartialStates partial =
          new PartialStates(splits, device.upload(unwritten), device.upload(unwrittenStates));
      kernels.decode(
          device.stream(),
          rows,
          HEADS,
          codec,
          device.upload(rowQueries),
          words,
          codec.tokenScaledValues() ? scales : null,
          device.upload(firstSlots),
          device.upload(rowSequences),
          device.upload(lengths),
          withTail,
          partial);
      float[] outputs = ((DeviceBuffer) partial.outputs()).floats(unwritten.length);
      float[] states = ((DeviceBuffer) partial.states()).floats(unwrittenStates.length);
      float[] merged = new float[sequences.length * size];
      logSums = new double[sequences.length * HEADS];
      for (int i = 0; i < rows * HEADS; i++) {
        int packedSplits = splits - (withTail ? 1 : 0);
        if (i >= sequences.length * HEADS) {
          assertUnwritten(outputs, i * splits * headDim, splits * headDim);
          assertUnwritten(states, i * splits * 2, splits * 2);
        } else {
          if (withTail) {
            int tail = i * splits + packedSplits;
            assertUnwritten(outputs, tail * headDim, headDim);
            assertUnwritten(states, tail * 2, 2);
          }
          logSums[i] = merge(outputs, states, i * splits, packedSplits, merged, i * headDim);
        }
      }
      return merged;
    }

    private void assertUnwritten(float[] values, int offset, int count) {
      assertThat(Arrays.copyOfRange(values, offset, offset + count)).containsOnly(UNWRITTEN);
    }

    /** Returns the base-2 logarithm of the sum of weights: what another part merges with. */
    private double merge(
        float[] outputs, float[] states, int first, int splits, float[] target, int offset) {
      double max = Double.NEGATIVE_INFINITY;
      for (int i = first; i < first + splits; i++) {
        max = Math.max(max, states[2 * i]);
      }
      double denominator = 0;
      double[] sum = new double[headDim];
      for (int i = first; i < first + splits && max > Double.NEGATIVE_INFINITY; i++) {
        double scale = Math.pow(2, states[2 * i] - max);
        denominator += states[2 * i + 1] * scale;
        for (int c = 0; c < headDim; c++) {
          sum[c] += outputs[i * headDim + c] * scale;
        }
      }
      for (int c = 0; c < headDim && denominator > 0; c++) {
        target[offset + c] = (float) (sum[c] / denominator);
      }
      return max + Math.log(denominator) / Math.log(2);
    }

    double logSum(int sequence, int h) {
      return logSums[sequence * HEADS + h];
    }

    double expectedLogSum(int sequence, int h) {
      double[] logits = logits(sequence, h);
      double max = Arrays.stream(logits).max().orElse(Double.NEGATIVE_INFINITY);
      double sum = Arrays.stream(logits).map(logit -> Math.exp(logit - max)).sum();
      return logits.length == 0 ? Double.NEGATIVE_INFINITY : (max + Math.log(sum)) / Math.log(2);
    }

    private int packedLength(int sequence) {
      return withTail ? lengths[sequence] / BLOCK * BLOCK : lengths[sequence];
    }

    private double key(int sequence, int h, int c, int token) {
      Codebook keys = heads.get(h).keyCodebook();
      int slot = firstSlots[sequence] + token / BLOCK;
      return keys.centroid(c, slots.code(slot, h, c, token % BLOCK));
    }

    private double value(int sequence, int h, int c, int token) {
      Codebook values = heads.get(h).valueCodebook();
      int slot = firstSlots[sequence] + token / BLOCK;
      double scale =
          heads.get(h).tokenScaledValues()
              ? Float.intBitsToFloat(slots.scale(slot, h, token % BLOCK) << 16)
              : 1;
      return scale * values.centroid(c, slots.code(slot, h, headDim + c, token % BLOCK));
    }

    private double[] logits(int sequence, int h) {
      double[] logits = new double[packedLength(sequence)];
      for (int t = 0; t < logits.length; t++) {
        for (int c = 0; c < headDim; c++) {
          logits[t] +=
              (double) queries[(sequence * HEADS + h) * headDim + c] * key(sequence, h, c, t);
        }
      }
      return logits;
    }

    /** Zeros where no token is packed. */
    double[] expected(int sequence, int h) {
      int length = packedLength(sequence);
      double[] output = new double[headDim];
      if (length == 0) {
        return output;
      }
      double[] logits = logits(sequence, h);
      double max = Arrays.stream(logits).max().orElseThrow();
      double denominator = 0;
      for (int t = 0; t < length; t++) {
        double weight = Math.exp(logits[t] - max);
        denominator += weight;
        for (int c = 0; c < headDim; c++) {
          output[c] += weight * value(sequence, h, c, t);
        }
      }
      for (int c = 0; c < headDim; c++) {
        output[c] /= denominator;
      }
      return output;
    }

    /**
     * A logit is a sum of headDim products: rounded once each in the tables, and at most headDim
     * times in sums, it is off by (headDim + 3) eps times the sum of magnitudes, and so is a
     * weight, relatively, in numerator and denominator alike. A value's sum adds 32 tokens of each
     * of 8 blocks one after the other, then 4 warps and the splits, whose magnitudes add up to no
     * more than the largest value's: 300 eps covers the additions.
     */
    double limit(int sequence, int h) {
      double largest = 0;
      for (int t = 0; t < packedLength(sequence); t++) {
        for (int c = 0; c < headDim; c++) {
          largest = Math.max(largest, Math.abs(value(sequence, h, c, t)));
        }
      }
      return largest * (2 * logitLimit(sequence, h) + 300 * EPS);
    }

    /** How far a logit may be off, and a few roundings of the sum of weights. */
    double logitLimit(int sequence, int h) {
      double largest = 0;
      for (int t = 0; t < packedLength(sequence); t++) {
        double magnitude = 0;
        for (int c = 0; c < headDim; c++) {
          magnitude +=
              Math.abs(queries[(sequence * HEADS + h) * headDim + c] * key(sequence, h, c, t));
        }
        largest = Math.max(largest, magnitude);
      }
      return EPS * ((headDim + 3) * largest + 16);
    }
  }
}
