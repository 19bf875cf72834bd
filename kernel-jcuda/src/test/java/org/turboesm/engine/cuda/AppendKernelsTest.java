package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.BiFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.turboesm.attention.reference.ReferenceAttentionKernels;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.engine.Precision;
import org.turboesm.engine.RangeTally;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.PackedKvBlocks;
import org.turboesm.kv.RandomCodec;
import org.turboesm.kv.TokenScale;

/** One new token of each sequence, against plain loops and the host's cache. */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AppendKernelsTest {
  private static final long SEED = 20260203;
  private static final int HEADS = 3;
  private static final int BLOCK = 32;

  /** Tokens in the caches: blocks that begin, go on and fill. */
  private static final int[] LENGTHS = {0, 1, 30, 31, 32, 63, 126, 1022, 2999, 40};

  /** Every sequence once, in an order of its own, with padding between and behind. */
  private static final int[] ROWS = {6, -1, 0, 3, 7, 1, 5, -1, 2, 4, 8, -1, -1, 9};

  /** What buffers hold before a launch. */
  private static final float UNWRITTEN = 42;

  private static final short UNWRITTEN_SCALE = 0x4711;

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

  static Stream<Arguments> formats() {
    return CudaFormats.all();
  }

  @ParameterizedTest(name = "{0}, headDim {1}")
  @MethodSource("formats")
  void withoutTailsEachTokenIsCodedAtOnce(Precision precision, int headDim) {
    Step step = new Step(precision, headDim);
    step.append(ROWS, false);
    step.checkQueries(ROWS);
    DownloadedSlots slots = step.downloadSlots();
    step.checkThatOtherTokensAreKept(slots);
    for (int r = 0; r < ROWS.length; r++) {
      for (int h = 0; h < HEADS && ROWS[r] >= 0; h++) {
        step.checkCodes(slots, r, h);
      }
    }
    // Codes that rounding may change: fewer than one in fifty, or nothing was checked.
    assertThat(step.ambiguousCodes)
        .as("of %d", step.checkedCodes)
        .isLessThan(step.checkedCodes / 50);
  }

  /** Each channel's thresholds are what the first three sequences' tokens have. */
  @Test
  void whatEqualsAThresholdIsNotAboveIt() {
    int headDim = 16;
    HeadCodec identity = RandomCodec.identity(headDim);
    Step plain = new Step(Precision.F32, headDim, (random, h) -> identity);
    plain.append(ROWS, true);
    float[] tails = plain.downloadTails();
    List<Codebook> keys =
        IntStream.range(0, HEADS).mapToObj(h -> plain.thresholdsAmong(tails, h, 0)).toList();
    List<Codebook> values =
        IntStream.range(0, HEADS).mapToObj(h -> plain.thresholdsAmong(tails, h, 1)).toList();

    Step step =
        new Step(
            Precision.F32,
            headDim,
            (random, h) -> RandomCodec.withTables(identity, keys.get(h), values.get(h)));
    step.append(ROWS, false);

    DownloadedSlots slots = step.downloadSlots();
    for (int r = 0; r < ROWS.length; r++) {
      for (int h = 0; h < HEADS && ROWS[r] >= 0; h++) {
        int slot = step.slotOf(ROWS[r]);
        int lane = LENGTHS[ROWS[r]] % BLOCK;
        for (int c = 0; c < headDim; c++) {
          assertThat(slots.code(slot, h, c, lane))
              .as("key of row %d, head %d, channel %d; seed %d", r, h, c, SEED)
              .isEqualTo(keys.get(h).code(c, plain.tailToken(tails, ROWS[r], h, 0, c)));
          assertThat(slots.code(slot, h, headDim + c, lane))
              .as("value of row %d, head %d, channel %d; seed %d", r, h, c, SEED)
              .isEqualTo(values.get(h).code(c, plain.tailToken(tails, ROWS[r], h, 1, c)));
        }
      }
    }
  }

  @ParameterizedTest(name = "{0}, headDim {1}")
  @MethodSource("formats")
  void withTailsTokensWaitAndAFullTailIsPackedBitForBit(Precision precision, int headDim) {
    Step step = new Step(precision, headDim);
    step.append(ROWS, true);
    step.checkQueries(ROWS);
    float[] tails = step.downloadTails();
    DownloadedSlots slots = step.downloadSlots();
    int[] expectedWords = step.initialWords.clone();
    float[] expectedTails = step.initialTails.clone();
    for (int r = 0; r < ROWS.length; r++) {
      for (int h = 0; h < HEADS && ROWS[r] >= 0; h++) {
        step.checkTailToken(tails, expectedTails, r, h);
        if (LENGTHS[ROWS[r]] % BLOCK == BLOCK - 1) {
          step.packOnHost(tails, ROWS[r], h, slots, expectedWords);
        } else {
          assertThat(slots.scale(step.slotOf(ROWS[r]), h, LENGTHS[ROWS[r]] % BLOCK))
              .isEqualTo(UNWRITTEN_SCALE);
        }
      }
    }
    assertThat(tails).as("seed %d", SEED).isEqualTo(expectedTails);
    assertThat(slots.words()).as("seed %d", SEED).isEqualTo(expectedWords);
  }

  @ParameterizedTest(name = "{0}, headDim {1}")
  @MethodSource("formats")
  void keysAndValuesOutsideOfTheirRangesAreCounted(Precision precision, int headDim) {
    for (boolean withTails : new boolean[] {false, true}) {
      Step step = new Step(precision, headDim);
      int[] begun = new int[(HEADS + 1) * 2];
      Arrays.fill(begun, 7);
      DeviceBuffer outside = device.upload(begun);
      step.append(ROWS, withTails, outside);
      step.checkQueries(ROWS);
      int[] found = outside.ints(begun.length);
      for (int h = 0; h < HEADS; h++) {
        OutsideCounts keys = new OutsideCounts();
        OutsideCounts values = new OutsideCounts();
        for (int r = 0; r < ROWS.length; r++) {
          for (int c = 0;
              c < headDim && ROWS[r] >= 0 && RangeTally.looksAt(LENGTHS[ROWS[r]]);
              c++) {
            keys.add(step.heads.get(h).keyRange(), c, step.mappedKey(r, h, c));
            values.add(
                step.heads.get(h).valueRange(),
                c,
                step.activation(r, RandomProjections.VALUE, h, c));
          }
        }
        keys.check(found[2 * h] - 7, "keys of head " + h + ", seed " + SEED);
        values.check(found[2 * h + 1] - 7, "values of head " + h + ", seed " + SEED);
      }
      assertThat(Arrays.copyOfRange(found, HEADS * 2, found.length)).containsOnly(7);
    }
  }

  @ParameterizedTest(name = "{0}, headDim {1}")
  @MethodSource("formats")
  void aRowDoesNotDependOnTheOthers(Precision precision, int headDim) {
    Step among = new Step(precision, headDim);
    among.append(ROWS, true);
    int row = 3;
    int[] alone = new int[row + 1];
    Arrays.fill(alone, -1);
    alone[row] = ROWS[row];
    Step single = new Step(precision, headDim);
    single.append(alone, true);
    int sequence = ROWS[row];
    assertThat(sequenceOf(single.downloadTails(), sequence))
        .isEqualTo(sequenceOf(among.downloadTails(), sequence));
    int size = HEADS * headDim;
    assertThat(Arrays.copyOfRange(single.downloadQueries(), row * size, (row + 1) * size))
        .isEqualTo(Arrays.copyOfRange(among.downloadQueries(), row * size, (row + 1) * size));
  }

  private static float[] sequenceOf(float[] tails, int sequence) {
    int size = tails.length / LENGTHS.length;
    return Arrays.copyOfRange(tails, sequence * size, (sequence + 1) * size);
  }

  @ParameterizedTest(name = "{0}, headDim {1}")
  @MethodSource("formats")
  void fullCachesTakeTheTokenAsItIs(Precision precision, int headDim) {
    Step step = new Step(precision, headDim);
    Activations activations = step.activations;
    float[] before = new float[step.slots() * HEADS * 2 * headDim * BLOCK];
    Arrays.fill(before, UNWRITTEN);
    DeviceBuffer cache = kept.keep(activations.upload(before, "cache"));
    new AppendKernels(device.library(), precision, headDim)
        .appendFull(
            device.stream(), step.projections.onDevice(), step.rows(ROWS), cache, step.queries);
    float[] found = activations.download(cache, before.length);
    float[] queries = step.downloadQueries();
    for (int r = 0; r < ROWS.length; r++) {
      for (int i = 0; i < HEADS * headDim; i++) {
        int h = i / headDim;
        int c = i % headDim;
        float query = queries[r * HEADS * headDim + i];
        if (ROWS[r] < 0) {
          assertThat(query).isEqualTo(UNWRITTEN);
          continue;
        }
        assertThat(step.finished(r, RandomProjections.QUERY, h, c).contains(query)).isTrue();
        int lane = LENGTHS[ROWS[r]] % BLOCK;
        int key = (((step.slotOf(ROWS[r]) * HEADS + h) * 2) * headDim + c) * BLOCK + lane;
        int value = key + headDim * BLOCK;
        assertThat(step.activation(r, RandomProjections.KEY, h, c).contains(found[key])).isTrue();
        assertThat(step.activation(r, RandomProjections.VALUE, h, c).contains(found[value]))
            .isTrue();
        found[key] = UNWRITTEN;
        found[value] = UNWRITTEN;
      }
    }
    assertThat(found).as("other tokens").containsOnly(UNWRITTEN);
  }

  @Test
  void aStepsEndCountsItsSequencesAndNoOthers() {
    int[] rows = {5, -1, 0, 2, -1};
    int[] lengths = {31, 7, 0, 8, 9, 1022};
    DeviceBuffer kvLens = device.upload(lengths);
    new AppendKernels(device.library(), Precision.F32, 16)
        .advance(device.stream(), new DecodeRows(rows.length, device.upload(rows), kvLens, null));
    assertThat(kvLens.ints(lengths.length)).containsExactly(32, 7, 1, 8, 9, 1023);
  }

  /** A layer's state before a step, and the step's products. */
  private final class Step {
    final Precision precision;
    final int headDim;
    final Activations activations;
    final List<HeadCodec> heads;
    final LayerCodec codec;
    final RandomProjections projections;
    final int[] initialWords;
    final float[] initialTails;
    final DeviceBuffer words;
    final DeviceBuffer scales;
    final DeviceBuffer tails;
    final DeviceBuffer queries;
    int checkedCodes;
    int ambiguousCodes;

    /**
     * Blocks that are begun hold random codes of their tokens and zeros behind them; all other
     * slots hold anything.
     */
    Step(Precision precision, int headDim) {
      this(precision, headDim, (random, h) -> headCodec(random, h, headDim));
    }

    Step(
        Precision precision, int headDim, BiFunction<SplittableRandom, Integer, HeadCodec> codecs) {
      this.precision = precision;
      this.headDim = headDim;
      this.activations = new Activations(device.stream().context(), precision);
      SplittableRandom random = new SplittableRandom(SEED + headDim);
      this.heads = IntStream.range(0, HEADS).mapToObj(h -> codecs.apply(random, h)).toList();
      this.codec = kept.keep(new LayerCodec(device.stream().context(), heads));
      int[] positions = Arrays.stream(ROWS).map(s -> s < 0 ? 0 : LENGTHS[s]).toArray();
      this.projections =
          new RandomProjections(
              device,
              precision,
              HEADS,
              headDim,
              positions,
              random,
              product -> zeroTheThirdRow(product));
      this.initialWords = random.ints((long) slots() * codec.wordsPerSlot()).toArray();
      for (int s = 0; s < LENGTHS.length; s++) {
        int lane = LENGTHS[s] % BLOCK;
        for (int w = 0; w < codec.wordsPerSlot() && lane > 0; w++) {
          initialWords[slotOf(s) * codec.wordsPerSlot() + w] &= (1 << lane) - 1;
        }
      }
      short[] unwrittenScales = new short[slots() * HEADS * BLOCK];
      Arrays.fill(unwrittenScales, UNWRITTEN_SCALE);
      this.initialTails = RandomCodec.floats(random, LENGTHS.length * HEADS * 2 * headDim * BLOCK);
      activations.round(initialTails);
      float[] unwritten = new float[(ROWS.length + 1) * HEADS * headDim];
      Arrays.fill(unwritten, UNWRITTEN);
      this.words = device.upload(initialWords);
      this.scales = device.upload(unwrittenScales);
      this.tails = kept.keep(activations.upload(initialTails, "tails"));
      this.queries = device.upload(unwritten);
    }

    private static HeadCodec headCodec(SplittableRandom random, int head, int headDim) {
      int[] keyBits =
          head == 1 ? RandomCodec.uniformBits(headDim, 3) : RandomCodec.bits(random, headDim);
      int[] valueBits =
          head == 1 ? RandomCodec.uniformBits(headDim, 3) : RandomCodec.bits(random, headDim);
      HeadCodec drawn = RandomCodec.head(random, keyBits, valueBits);
      HeadCodec scaled = head == HEADS - 1 ? RandomCodec.withTokenScales(drawn) : drawn;
      return OutsideCounts.withRanges(random.split(), scaled);
    }

    private void zeroTheThirdRow(float[] product) {
      int columns = 3 * HEADS * headDim;
      Arrays.fill(product, 2 * columns, 3 * columns, 0);
    }

    int firstSlot(int sequence) {
      int slot = 1;
      for (int s = LENGTHS.length - 1; s > sequence; s--) {
        slot += LENGTHS[s] / BLOCK + 2;
      }
      return slot;
    }

    int slots() {
      return firstSlot(-1);
    }

    /** Of the next token. */
    int slotOf(int sequence) {
      return firstSlot(sequence) + LENGTHS[sequence] / BLOCK;
    }

    DecodeRows rows(int[] sequences) {
      int[] firstSlots = IntStream.range(0, LENGTHS.length).map(this::firstSlot).toArray();
      return new DecodeRows(
          sequences.length,
          device.upload(sequences),
          device.upload(LENGTHS),
          device.upload(firstSlots));
    }

    void append(int[] sequences, boolean withTails) {
      append(sequences, withTails, null);
    }

    void append(int[] sequences, boolean withTails, DeviceBuffer outside) {
      new AppendKernels(device.library(), precision, headDim)
          .append(
              device.stream(),
              projections.onDevice(),
              rows(sequences),
              codec,
              new PackedSlots(words, scales, withTails ? tails : null),
              outside,
              queries);
    }

    float[] downloadQueries() {
      return queries.floats((ROWS.length + 1) * HEADS * headDim);
    }

    float[] downloadTails() {
      return activations.download(tails, initialTails.length);
    }

    DownloadedSlots downloadSlots() {
      return new DownloadedSlots(codec, HEADS, headDim, words, scales);
    }

    RoundedInterval finished(int row, int part, int head, int channel) {
      return RoundedInterval.around(
          projections.at(row, part, head, channel), projections.limit(row, part, head, channel));
    }

    RoundedInterval activation(int row, int part, int head, int channel) {
      return finished(row, part, head, channel).activation(precision);
    }

    /** The mapped key, known but for the rounding of the key and of the map. */
    RoundedInterval mappedKey(int row, int head, int channel) {
      double[] key = new double[headDim];
      double[] limits = new double[headDim];
      for (int i = 0; i < headDim; i++) {
        RoundedInterval x = activation(row, RandomProjections.KEY, head, i);
        key[i] = x.middle();
        limits[i] = x.radius();
      }
      MapLimit map = new MapLimit(heads.get(head).key(), false);
      return RoundedInterval.around(map.value(key, channel), map.limit(key, limits, channel));
    }

    void checkQueries(int[] sequences) {
      float[] found = downloadQueries();
      double[] query = new double[headDim];
      double[] limits = new double[headDim];
      for (int r = 0; r < ROWS.length; r++) {
        for (int h = 0; h < HEADS; h++) {
          MapLimit map = new MapLimit(heads.get(h).query(), false);
          for (int i = 0; i < headDim; i++) {
            query[i] = projections.at(r, RandomProjections.QUERY, h, i);
            limits[i] = projections.limit(r, RandomProjections.QUERY, h, i);
          }
          for (int c = 0; c < headDim; c++) {
            float x = found[(r * HEADS + h) * headDim + c];
            if (sequences[r] < 0) {
              assertThat(x).as("padding").isEqualTo(UNWRITTEN);
            } else {
              assertThat(Math.abs(x - map.value(query, c)) / map.limit(query, limits, c))
                  .as("row %d, head %d, channel %d: query %s; seed %d", r, h, c, x, SEED)
                  .isLessThanOrEqualTo(1);
            }
          }
        }
      }
      assertThat(Arrays.copyOfRange(found, ROWS.length * HEADS * headDim, found.length))
          .containsOnly(UNWRITTEN);
    }

    /**
     * All bits but those of the new tokens are as before; a block's first token clears the rest.
     */
    void checkThatOtherTokensAreKept(DownloadedSlots slots) {
      int[] found = slots.words().clone();
      int[] expected = initialWords.clone();
      for (int s = 0; s < LENGTHS.length; s++) {
        int lane = LENGTHS[s] % BLOCK;
        for (int h = 0; h < HEADS; h++) {
          int first = slots.firstWord(slotOf(s), h);
          for (int w = first; w < first + slots.wordsOfHead(h); w++) {
            found[w] &= ~(1 << lane);
            expected[w] = lane == 0 ? 0 : expected[w] & ~(1 << lane);
          }
        }
      }
      assertThat(found).as("seed %d", SEED).isEqualTo(expected);
    }

    /** The appended token of a sequence, as its tail has it: of keys, part 0, or of values, 1. */
    float tailToken(float[] tails, int sequence, int head, int part, int channel) {
      int row = ((sequence * HEADS + head) * 2 + part) * headDim + channel;
      return tails[row * BLOCK + LENGTHS[sequence] % BLOCK];
    }

    /** Of two bits. */
    Codebook thresholdsAmong(float[] tails, int head, int part) {
      int[] sequences = Arrays.stream(ROWS).filter(s -> s >= 0).limit(3).toArray();
      float[][] thresholds = new float[headDim][sequences.length];
      for (int c = 0; c < headDim; c++) {
        for (int t = 0; t < sequences.length; t++) {
          thresholds[c][t] = tailToken(tails, sequences[t], head, part, c);
        }
        Arrays.sort(thresholds[c]);
      }
      return new Codebook(RandomCodec.uniformBits(headDim, 2), new float[headDim][4], thresholds);
    }

    void checkCodes(DownloadedSlots slots, int row, int head) {
      int sequence = ROWS[row];
      int slot = slotOf(sequence);
      int lane = LENGTHS[sequence] % BLOCK;
      float divisor = checkScale(slots, row, head);
      for (int c = 0; c < headDim; c++) {
        checkCode(
            heads.get(head).keyCodebook(),
            c,
            slots.code(slot, head, c, lane),
            mappedKey(row, head, c));
        RoundedInterval value = activation(row, RandomProjections.VALUE, head, c);
        // The quotient is one more rounding, which is monotone.
        checkCode(
            heads.get(head).valueCodebook(),
            c,
            slots.code(slot, head, headDim + c, lane),
            new RoundedInterval((float) value.low() / divisor, (float) value.high() / divisor));
      }
    }

    /** Checks the scale that the kernel took and returns what values are then divided by. */
    private float checkScale(DownloadedSlots slots, int row, int head) {
      int sequence = ROWS[row];
      short bits = slots.scale(slotOf(sequence), head, LENGTHS[sequence] % BLOCK);
      if (!heads.get(head).tokenScaledValues()) {
        assertThat(bits).isEqualTo(UNWRITTEN_SCALE);
        return 1;
      }
      float[] smallest = new float[headDim];
      float[] largest = new float[headDim];
      for (int c = 0; c < headDim; c++) {
        RoundedInterval value = activation(row, RandomProjections.VALUE, head, c);
        largest[c] = (float) Math.max(Math.abs(value.low()), Math.abs(value.high()));
        smallest[c] =
            value.contains(0) ? 0 : (float) Math.min(Math.abs(value.low()), Math.abs(value.high()));
      }
      float scale = Float.intBitsToFloat(bits << 16);
      assertThat(scale)
          .isBetween(TokenScale.of(smallest, 0, headDim), TokenScale.of(largest, 0, headDim));
      return scale == 0 ? 1 : scale;
    }

    private void checkCode(Codebook codebook, int channel, int code, RoundedInterval x) {
      assertThat(x.mayHaveCode(codebook, channel, code))
          .as("channel %d: code %d of %s; seed %d", channel, code, x, SEED)
          .isTrue();
      checkedCodes++;
      ambiguousCodes += x.isAmbiguous(codebook, channel) ? 1 : 0;
    }

    /** Checks the new token of a tail and notes it among what is expected. */
    void checkTailToken(float[] found, float[] expected, int row, int head) {
      int sequence = ROWS[row];
      int lane = LENGTHS[sequence] % BLOCK;
      for (int c = 0; c < headDim; c++) {
        int key = ((sequence * HEADS + head) * 2 * headDim + c) * BLOCK + lane;
        int value = key + headDim * BLOCK;
        RoundedInterval mapped = mappedKey(row, head, c).activation(precision);
        assertThat(mapped.contains(found[key]))
            .as("row %d, head %d, channel %d: %s in %s", row, head, c, found[key], mapped)
            .isTrue();
        assertThat(activation(row, RandomProjections.VALUE, head, c).contains(found[value]))
            .isTrue();
        expected[key] = found[key];
        expected[value] = found[value];
      }
    }

    /** Packs what a tail holds and notes the words; checks the scales. */
    void packOnHost(
        float[] tails, int sequence, int head, DownloadedSlots slots, int[] expectedWords) {
      int start = (sequence * HEADS + head) * 2 * headDim * BLOCK;
      int size = headDim * BLOCK;
      PackedKvBlocks host = new PackedKvBlocks(heads.get(head), BLOCK, false);
      host.appendBlock(
          Arrays.copyOfRange(tails, start, start + size),
          Arrays.copyOfRange(tails, start + size, start + 2 * size),
          BLOCK,
          new ReferenceAttentionKernels());
      System.arraycopy(
          host.words(),
          0,
          expectedWords,
          slots.firstWord(slotOf(sequence), head),
          slots.wordsOfHead(head));
      for (int t = 0; t < BLOCK; t++) {
        short bits = slots.scale(slotOf(sequence), head, t);
        if (heads.get(head).tokenScaledValues()) {
          assertThat(Float.intBitsToFloat(bits << 16)).isEqualTo(host.valueScale(t));
        } else {
          assertThat(bits).isEqualTo(UNWRITTEN_SCALE);
        }
      }
    }
  }
}
