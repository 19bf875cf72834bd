package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
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
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.turboesm.attention.reference.ReferenceAttentionKernels;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.engine.Precision;
import org.turboesm.engine.RangeTally;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.PackedKvBlocks;
import org.turboesm.kv.RandomCodec;

/** Finished projections and the caches beside them, against plain loops and the host's cache. */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class QkvKernelsTest {
  private static final long SEED = 20260201;
  private static final int HEADS = 3;
  private static final int BLOCK = 32;
  private static final int[] LENGTHS = {1, 2, 31, 32, 33, 127};

  /** What buffers hold before a launch. */
  private static final float UNWRITTEN = 42;

  private static final int UNWRITTEN_WORD = 0xDEADBEEF;
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
  void rotatedRowsEqualTheReferenceAndNothingElseIsWritten(Precision precision, int headDim) {
    for (int rows : new int[] {1, 2, 31, 33, 127}) {
      int[] positions = IntStream.range(0, rows).map(r -> r * 37 % 3001).toArray();
      RandomProjections x = projections(precision, headDim, positions, product -> {});
      Activations activations = new Activations(device.stream().context(), precision);
      Rows rowsOnDevice = new Rows(activations, headDim, rows);
      new QkvKernels(device.library(), precision, headDim)
          .rotate(
              device.stream(),
              x.onDevice(),
              device.upload(positions),
              rows,
              rowsOnDevice.queries,
              rowsOnDevice.keys,
              rowsOnDevice.values);
      rowsOnDevice.check(x);
    }
  }

  @ParameterizedTest(name = "{0}, headDim {1}")
  @MethodSource("formats")
  void packedBlocksHoldTheCodesOfTheMappedKeysAndOfTheValues(Precision precision, int headDim) {
    Packing packing = new Packing(precision, headDim, new PackedBatch(LENGTHS, false), codec());
    packing.run();
    packing.rows.check(packing.projections);
    packing.checkSlots();
  }

  @ParameterizedTest(name = "{0}, headDim {1}")
  @MethodSource("formats")
  void unfilledBlocksWaitInTails(Precision precision, int headDim) {
    Packing packing = new Packing(precision, headDim, new PackedBatch(LENGTHS, true), codec());
    packing.run();
    packing.checkSlots();
    packing.checkTails();
  }

  /** What is mapped by the identity is coded as it is: not one bit may differ. */
  @ParameterizedTest(name = "{0}, headDim {1}")
  @MethodSource("formats")
  void keysUnderTheIdentityArePackedAsOnTheHostBitForBit(Precision precision, int headDim) {
    Packing packing =
        new Packing(
            precision,
            headDim,
            new PackedBatch(new int[] {127, 1022}, false),
            (random, h, size) -> tables(random, RandomCodec.identity(size), h));
    packing.run();
    float[] keys = packing.rows.download(packing.rows.keys);
    float[] values = packing.rows.download(packing.rows.values);
    for (int h = 0; h < HEADS; h++) {
      List<PackedKvBlocks> host = packing.packOnHost(h, keys, values);
      for (PackedBatch.Block block : packing.batch.blocks()) {
        assertThat(packing.wordsOf(block, h))
            .as("block %s, head %d, seed %d", block, h, SEED)
            .isEqualTo(hostWords(host.get(block.sequence()), packing.batch, block));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "BF16"})
  void whatEqualsAThresholdIsNotAboveIt(Precision precision) {
    PackedBatch batch = new PackedBatch(new int[] {70}, false);
    int headDim = 16;
    HeadCodec identity = RandomCodec.identity(headDim);
    Packing plain = new Packing(precision, headDim, batch, (random, h, size) -> identity).run();
    float[] keys = plain.rows.download(plain.rows.keys);
    float[] values = plain.rows.download(plain.rows.values);

    Packing packing =
        new Packing(
                precision,
                headDim,
                batch,
                (random, h, size) ->
                    RandomCodec.withTables(
                        identity, thresholdsAmong(keys, h, size), thresholdsAmong(values, h, size)))
            .run();

    for (int h = 0; h < HEADS; h++) {
      List<PackedKvBlocks> host = packing.packOnHost(h, keys, values);
      for (PackedBatch.Block block : batch.blocks()) {
        assertThat(packing.wordsOf(block, h))
            .as("block %s, head %d, seed %d", block, h, SEED)
            .isEqualTo(hostWords(host.get(block.sequence()), batch, block));
      }
    }
  }

  /** Of two bits: a channel's thresholds are what the first three tokens have. */
  private static Codebook thresholdsAmong(float[] activations, int head, int headDim) {
    float[][] thresholds = new float[headDim][3];
    for (int c = 0; c < headDim; c++) {
      for (int t = 0; t < 3; t++) {
        thresholds[c][t] = activations[(t * HEADS + head) * headDim + c];
      }
      Arrays.sort(thresholds[c]);
    }
    return new Codebook(RandomCodec.uniformBits(headDim, 2), new float[headDim][4], thresholds);
  }

  /** The NaN is the one that devices make: rounding its bits up would leave no NaN. */
  @Test
  void aNanAmongValuesMakesItsTokensScaleOneAndItsCodesZero() {
    int headDim = 24;
    int row = 5;
    PackedBatch batch = new PackedBatch(new int[] {40}, false);
    Packing packing =
        new Packing(
            Precision.F32,
            headDim,
            batch,
            codec(),
            product ->
                product[((row * 3 + RandomProjections.VALUE) * HEADS + HEADS - 1) * headDim + 7] =
                    Float.intBitsToFloat(0x7FFFFFFF));
    packing.run();
    DownloadedSlots slots = packing.download();
    int slot = batch.blocks().get(0).slot();
    assertThat(Float.intBitsToFloat(slots.scale(slot, HEADS - 1, row) << 16)).isNaN();
    for (int c = 0; c < headDim; c++) {
      assertThat(slots.code(slot, HEADS - 1, headDim + c, row)).isZero();
    }
    assertThat(Float.intBitsToFloat(slots.scale(slot, HEADS - 1, row + 1) << 16)).isPositive();
  }

  /** Of the tokens that a tally looks at, in filled and in unfilled blocks and in tails. */
  @ParameterizedTest(name = "{0}, headDim {1}")
  @MethodSource("formats")
  void keysAndValuesOutsideOfTheirRangesAreCounted(Precision precision, int headDim) {
    for (boolean tails : new boolean[] {false, true}) {
      Packing packing =
          new Packing(
              precision,
              headDim,
              new PackedBatch(LENGTHS, tails),
              (random, h, size) -> OutsideCounts.withRanges(random, codec().head(random, h, size)));
      packing.run();
      int[] words = packing.download().words();
      packing.clearSlots();
      int[] begun = new int[(HEADS + 1) * 2];
      Arrays.fill(begun, 7);
      packing.outside = device.upload(begun);
      packing.run();
      assertThat(packing.download().words()).as("counting changes no word").isEqualTo(words);
      packing.checkOutside(7);
    }
  }

  @Test
  void whatNothingReadsIsNotWritten() {
    Packing packing =
        new Packing(Precision.BF16, 32, new PackedBatch(new int[] {33}, false), codec());
    DownloadedSlots withAll = packing.run().download();
    packing.clearSlots();
    packing.run(null, null, null);
    assertThat(packing.download().words()).isEqualTo(withAll.words());
  }

  @ParameterizedTest(name = "{0}, headDim {1}")
  @MethodSource("formats")
  void fullCachesHoldTheActivations(Precision precision, int headDim) {
    PackedBatch batch = new PackedBatch(LENGTHS, false);
    int[] positions = batch.positions(11);
    RandomProjections x = projections(precision, headDim, positions, product -> {});
    Activations activations = new Activations(device.stream().context(), precision);
    Rows rows = new Rows(activations, headDim, batch.rows());
    float[] unwritten = new float[batch.slots() * HEADS * 2 * headDim * BLOCK];
    Arrays.fill(unwritten, UNWRITTEN);
    DeviceBuffer cache = kept.keep(activations.upload(unwritten, "cache"));
    new QkvKernels(device.library(), precision, headDim)
        .rotateAndCache(
            device.stream(),
            x.onDevice(),
            device.upload(positions),
            new TokenBlocks(device.upload(batch.entries()), batch.blocks().size()),
            cache,
            rows.queries,
            rows.keys,
            rows.values);
    rows.check(x);
    float[] expected = unwritten.clone();
    for (PackedBatch.Block block : batch.blocks()) {
      for (int h = 0; h < HEADS; h++) {
        int start = (block.slot() * HEADS + h) * 2 * headDim * BLOCK;
        rows.fillBlock(rows.keys, block, h, expected, start);
        rows.fillBlock(rows.values, block, h, expected, start + headDim * BLOCK);
      }
    }
    assertThat(activations.download(cache, expected.length)).isEqualTo(expected);
  }

  private RandomProjections projections(
      Precision precision, int headDim, int[] positions, Consumer<float[]> edit) {
    return new RandomProjections(
        device, precision, HEADS, headDim, positions, new SplittableRandom(SEED), edit);
  }

  /** A codec of one head. */
  @FunctionalInterface
  private interface HeadCodecs {
    HeadCodec head(SplittableRandom random, int head, int headDim);
  }

  private static HeadCodecs codec() {
    return (random, h, size) -> tables(random, RandomCodec.maps(random, size), h);
  }

  /** Widths from 0 to 8, uniform three bits in the second head; the last head scales its values. */
  private static HeadCodec tables(SplittableRandom random, HeadCodec maps, int head) {
    int size = maps.headDim();
    int[] keyBits = head == 1 ? RandomCodec.uniformBits(size, 3) : RandomCodec.bits(random, size);
    int[] valueBits = head == 1 ? RandomCodec.uniformBits(size, 3) : RandomCodec.bits(random, size);
    HeadCodec codec =
        RandomCodec.withTables(
            maps, RandomCodec.codebook(random, keyBits), RandomCodec.codebook(random, valueBits));
    return head == HEADS - 1 ? RandomCodec.withTokenScales(codec) : codec;
  }

  /** Finished rows on the device, with a row more than may be written. */
  private final class Rows {
    final Activations activations;
    final int headDim;
    final int rows;
    final DeviceBuffer queries;
    final DeviceBuffer keys;
    final DeviceBuffer values;

    Rows(Activations activations, int headDim, int rows) {
      this.activations = activations;
      this.headDim = headDim;
      this.rows = rows;
      this.queries = unwritten();
      this.keys = unwritten();
      this.values = unwritten();
    }

    private DeviceBuffer unwritten() {
      float[] filled = new float[size()];
      Arrays.fill(filled, UNWRITTEN);
      return kept.keep(activations.upload(filled, "rows"));
    }

    private int size() {
      return (rows + 1) * HEADS * headDim;
    }

    float[] download(DeviceBuffer buffer) {
      return activations.download(buffer, size());
    }

    void check(RandomProjections x) {
      check(x, RandomProjections.QUERY, download(queries));
      check(x, RandomProjections.KEY, download(keys));
      check(x, RandomProjections.VALUE, download(values));
    }

    private void check(RandomProjections x, int part, float[] found) {
      for (int i = 0; i < rows * HEADS * headDim; i++) {
        int row = i / (HEADS * headDim);
        int head = i / headDim % HEADS;
        int channel = i % headDim;
        RoundedInterval expected =
            RoundedInterval.around(
                    x.at(row, part, head, channel), x.limit(row, part, head, channel))
                .activation(activations.precision());
        if (!expected.contains(found[i])) {
          throw new AssertionError(
              String.format(
                  "part %d, row %d of %d, head %d, channel %d: found %s, expected %s; seed %d",
                  part, row, rows, head, channel, found[i], expected, SEED));
        }
      }
      for (int i = rows * HEADS * headDim; i < found.length; i++) {
        assertThat(found[i]).as("past the rows").isEqualTo(UNWRITTEN);
      }
    }

    /** Puts a block's rows into [headDim, 32], absent tokens as zeros. */
    void fillBlock(
        DeviceBuffer source, PackedBatch.Block block, int head, float[] target, int offset) {
      float[] x = download(source);
      for (int c = 0; c < headDim; c++) {
        for (int t = 0; t < BLOCK; t++) {
          target[offset + c * BLOCK + t] =
              t < block.tokens() ? x[((block.firstRow() + t) * HEADS + head) * headDim + c] : 0;
        }
      }
    }
  }

  /** One launch that packs a batch. */
  private final class Packing {
    final Precision precision;
    final int headDim;
    final PackedBatch batch;
    final List<HeadCodec> heads;
    final RandomProjections projections;
    final Activations activations;
    final Rows rows;
    final LayerCodec codec;
    final DeviceBuffer positions;
    final DeviceBuffer keyMaps;
    final DeviceBuffer tails;
    DeviceBuffer words;
    DeviceBuffer scales;
    DeviceBuffer outside;

    Packing(Precision precision, int headDim, PackedBatch batch, HeadCodecs codecs) {
      this(precision, headDim, batch, codecs, product -> zeroTheThirdRow(product, headDim));
    }

    Packing(
        Precision precision,
        int headDim,
        PackedBatch batch,
        HeadCodecs codecs,
        Consumer<float[]> edit) {
      this.precision = precision;
      this.headDim = headDim;
      this.batch = batch;
      SplittableRandom random = new SplittableRandom(SEED + headDim);
      this.heads =
          IntStream.range(0, HEADS).mapToObj(h -> codecs.head(random, h, headDim)).toList();
      int[] rowPositions = batch.positions(3);
      this.projections = projections(precision, headDim, rowPositions, edit);
      this.activations = new Activations(device.stream().context(), precision);
      this.rows = new Rows(activations, headDim, batch.rows());
      this.codec = kept.keep(new LayerCodec(device.stream().context(), heads));
      this.positions = device.upload(rowPositions);
      UnpackKernels maps = new UnpackKernels(device.library(), precision, headDim);
      this.keyMaps = device.upload(new byte[(int) maps.arrangedBytes(HEADS)]);
      maps.arrange(device.stream(), codec.keyMaps(), HEADS, keyMaps);
      float[] unwrittenTails = new float[batch.lengths().length * HEADS * 2 * headDim * BLOCK];
      Arrays.fill(unwrittenTails, UNWRITTEN);
      this.tails = kept.keep(activations.upload(unwrittenTails, "tails"));
      clearSlots();
    }

    void clearSlots() {
      int[] filled = new int[batch.slots() * codec.wordsPerSlot()];
      Arrays.fill(filled, UNWRITTEN_WORD);
      words = device.upload(filled);
      short[] filledScales = new short[batch.slots() * HEADS * BLOCK];
      Arrays.fill(filledScales, UNWRITTEN_SCALE);
      scales = device.upload(filledScales);
    }

    Packing run() {
      return run(rows.queries, rows.keys, rows.values);
    }

    Packing run(DevicePointer queries, DevicePointer keys, DevicePointer values) {
      new QkvKernels(device.library(), precision, headDim)
          .rotateAndPack(
              device.stream(),
              projections.onDevice(),
              positions,
              new TokenBlocks(device.upload(batch.entries()), batch.blocks().size()),
              codec,
              keyMaps,
              new PackedSlots(words, scales, tails),
              outside,
              queries,
              keys,
              values);
      return this;
    }

    DownloadedSlots download() {
      return new DownloadedSlots(codec, HEADS, headDim, words, scales);
    }

    int[] wordsOf(PackedBatch.Block block, int head) {
      DownloadedSlots slots = download();
      int first = slots.firstWord(block.slot(), head);
      return Arrays.copyOfRange(slots.words(), first, first + slots.wordsOfHead(head));
    }

    /** Each sequence's values, and keys as they are, packed by the host; [sequences]. */
    List<PackedKvBlocks> packOnHost(int head, float[] keys, float[] values) {
      ReferenceAttentionKernels packer = new ReferenceAttentionKernels();
      List<PackedKvBlocks> packed = new ArrayList<>();
      int row = 0;
      for (int length : batch.lengths()) {
        PackedKvBlocks blocks = new PackedKvBlocks(heads.get(head), length, false);
        for (int t = 0; t < length; t++) {
          int offset = ((row + t) * HEADS + head) * headDim;
          blocks.append(keys, offset, values, offset, packer);
        }
        packed.add(blocks);
        row += length;
      }
      return packed;
    }

    /** All slots, and that no word of nobody's was touched. */
    void checkSlots() {
      DownloadedSlots slots = download();
      int[] expected = new int[slots.words().length];
      Arrays.fill(expected, UNWRITTEN_WORD);
      float[] keys = rows.download(rows.keys);
      float[] values = rows.download(rows.values);
      int ambiguous = 0;
      int keyCodes = 0;
      for (int h = 0; h < HEADS; h++) {
        List<PackedKvBlocks> host = packOnHost(h, keys, values);
        int keyWords = heads.get(h).layout().valueWordsOffset();
        for (PackedBatch.Block block : batch.blocks()) {
          if (block.inTail()) {
            assertThat(slots.scale(block.slot(), h, 0)).isEqualTo(UNWRITTEN_SCALE);
            continue;
          }
          int[] hostWords = hostWords(host.get(block.sequence()), batch, block);
          int first = slots.firstWord(block.slot(), h);
          // Keys are checked code by code, since the map's rounding is the kernel's own.
          System.arraycopy(slots.words(), first, expected, first, keyWords);
          System.arraycopy(
              hostWords, keyWords, expected, first + keyWords, hostWords.length - keyWords);
          checkScales(slots, block, h, host.get(block.sequence()));
          for (int t = 0; t < BLOCK; t++) {
            ambiguous += checkKeyCodes(slots, block, h, t, keys);
            keyCodes += headDim;
          }
        }
      }
      assertThat(slots.words()).as("words; seed %d", SEED).isEqualTo(expected);
      // Codes that the map's rounding may change: fewer than one in fifty, or nothing was checked.
      assertThat(ambiguous).as("of %d codes", keyCodes).isLessThan(keyCodes / 50);
    }

    private void checkScales(
        DownloadedSlots slots, PackedBatch.Block block, int head, PackedKvBlocks host) {
      for (int t = 0; t < BLOCK; t++) {
        short found = slots.scale(block.slot(), head, t);
        if (!heads.get(head).tokenScaledValues()) {
          assertThat(found).isEqualTo(UNWRITTEN_SCALE);
        } else if (t >= block.tokens()) {
          assertThat(found).isZero();
        } else {
          int token = (block.slot() - firstSlot(block)) * BLOCK + t;
          assertThat(Float.intBitsToFloat(found << 16)).isEqualTo(host.valueScale(token));
        }
      }
    }

    private int firstSlot(PackedBatch.Block block) {
      return batch.blocks().stream()
          .filter(other -> other.sequence() == block.sequence())
          .mapToInt(PackedBatch.Block::slot)
          .min()
          .orElseThrow();
    }

    /** Returns the codes that rounding may change. */
    private int checkKeyCodes(
        DownloadedSlots slots, PackedBatch.Block block, int head, int lane, float[] keys) {
      MapLimit map = MapLimit.ofBlocks(heads.get(head).key(), precision);
      double[] key = new double[headDim];
      int ambiguous = 0;
      for (int c = 0; c < headDim && lane < block.tokens(); c++) {
        key[c] = keys[((block.firstRow() + lane) * HEADS + head) * headDim + c];
      }
      for (int c = 0; c < headDim; c++) {
        int code = slots.code(block.slot(), head, c, lane);
        if (lane >= block.tokens()) {
          assertThat(code).as("absent token").isZero();
          continue;
        }
        RoundedInterval mapped =
            RoundedInterval.around(map.value(key, c), map.limit(key, new double[headDim], c));
        assertThat(mapped.mayHaveCode(heads.get(head).keyCodebook(), c, code))
            .as(
                "%s, head %d, channel %d, lane %d: code %d of %s",
                block, head, c, lane, code, mapped)
            .isTrue();
        ambiguous += mapped.isAmbiguous(heads.get(head).keyCodebook(), c) ? 1 : 0;
      }
      return ambiguous;
    }

    void checkOutside(int begun) {
      int[] found = outside.ints((HEADS + 1) * 2);
      float[] keys = rows.download(rows.keys);
      float[] values = rows.download(rows.values);
      int[] rowPositions = batch.positions(3);
      for (int h = 0; h < HEADS; h++) {
        HeadCodec head = heads.get(h);
        MapLimit map = MapLimit.ofBlocks(head.key(), precision);
        OutsideCounts ofKeys = new OutsideCounts();
        OutsideCounts ofValues = new OutsideCounts();
        double[] key = new double[headDim];
        for (int r = 0; r < batch.rows(); r++) {
          if (!RangeTally.looksAt(rowPositions[r])) {
            continue;
          }
          int offset = (r * HEADS + h) * headDim;
          for (int c = 0; c < headDim; c++) {
            key[c] = keys[offset + c];
          }
          for (int c = 0; c < headDim; c++) {
            ofKeys.add(
                head.keyRange(),
                c,
                RoundedInterval.around(map.value(key, c), map.limit(key, new double[headDim], c)));
            ofValues.add(head.valueRange(), c, RoundedInterval.around(values[offset + c], 0));
          }
        }
        ofKeys.check(found[2 * h] - begun, "keys of head " + h + ", seed " + SEED);
        ofValues.check(found[2 * h + 1] - begun, "values of head " + h + ", seed " + SEED);
      }
      assertThat(Arrays.copyOfRange(found, HEADS * 2, found.length)).containsOnly(begun);
    }

    void checkTails() {
      float[] keys = rows.download(rows.keys);
      float[] found = activations.download(tails, (int) (tails.bytes() / activationBytes()));
      float[] expectedValues = new float[headDim * BLOCK];
      for (PackedBatch.Block block : batch.blocks()) {
        for (int h = 0; h < HEADS && block.inTail(); h++) {
          int start = (block.sequence() * HEADS + h) * 2 * headDim * BLOCK;
          rows.fillBlock(rows.values, block, h, expectedValues, 0);
          assertThat(
                  Arrays.copyOfRange(found, start + headDim * BLOCK, start + 2 * headDim * BLOCK))
              .isEqualTo(expectedValues);
          MapLimit map = MapLimit.ofBlocks(heads.get(h).key(), precision);
          for (int t = 0; t < BLOCK; t++) {
            checkTailKey(block, map, keys, h, t, found, start);
          }
        }
      }
    }

    private void checkTailKey(
        PackedBatch.Block block,
        MapLimit map,
        float[] keys,
        int head,
        int lane,
        float[] found,
        int start) {
      double[] key = new double[headDim];
      for (int c = 0; c < headDim && lane < block.tokens(); c++) {
        key[c] = keys[((block.firstRow() + lane) * HEADS + head) * headDim + c];
      }
      for (int c = 0; c < headDim; c++) {
        float x = found[start + c * BLOCK + lane];
        if (lane >= block.tokens()) {
          assertThat(x).as("absent token").isZero();
          continue;
        }
        RoundedInterval expected =
            RoundedInterval.around(map.value(key, c), map.limit(key, new double[headDim], c))
                .activation(precision);
        assertThat(expected.contains(x))
            .as("%s, head %d, channel %d, lane %d: %s in %s", block, head, c, lane, x, expected)
            .isTrue();
      }
    }

    private int activationBytes() {
      return precision == Precision.F32 ? Float.BYTES : Short.BYTES;
    }
  }

  private static void zeroTheThirdRow(float[] product, int headDim) {
    int columns = 3 * HEADS * headDim;
    Arrays.fill(product, 2 * columns, 3 * columns, 0);
  }

  private static int[] hostWords(PackedKvBlocks host, PackedBatch batch, PackedBatch.Block block) {
    int wordsPerBlock = host.layout().wordsPerBlock();
    int firstRow = 0;
    for (int s = 0; s < block.sequence(); s++) {
      firstRow += batch.lengths()[s];
    }
    int offset = (block.firstRow() - firstRow) / BLOCK * wordsPerBlock;
    return Arrays.copyOfRange(host.words(), offset, offset + wordsPerBlock);
  }
}
