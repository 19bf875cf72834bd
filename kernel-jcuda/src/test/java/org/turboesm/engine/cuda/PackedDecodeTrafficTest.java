package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

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
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.PackedKvLayout;
import org.turboesm.kv.RandomCodec;

/**
 * Bytes that decode attention streams from the packed cache, as the emulator counts them: each word
 * of each block that has a packed token, once. A block that is filled in part is read whole. What
 * is read through caches, tables and the codec's description, is the same for all rows of a layer
 * and is not counted here.
 */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PackedDecodeTrafficTest {
  private static final long SEED = 20260304;
  private static final int HEADS = 3;
  private static final int HEAD_DIM = 64;
  private static final int BLOCK = PackedKvLayout.BLOCK_TOKENS;

  private final KeptResources kept = new KeptResources();
  private TestDevice device;

  @BeforeAll
  void open() {
    assumeFalse(
        "1".equals(System.getenv("CUDA_DEVICE_TESTS")), "a real GPU does not count what it reads");
    device = new TestDevice();
  }

  @AfterEach
  void freeBuffers() {
    device.freeBuffers();
    kept.free();
  }

  @AfterAll
  void close() {
    if (device != null) {
      device.close();
    }
  }

  /** Key planes and value planes are multiples of four words: nothing is read beside them. */
  @ParameterizedTest(name = "length {0}")
  @ValueSource(ints = {1, 32, 33, 1022, 3000})
  void everyWordIsReadOnce(int length) {
    List<HeadCodec> heads = uniform(3, 3);
    assertThat(streamedBytes(heads, new int[] {length}, false))
        .isEqualTo(packedBytes(heads, length));
  }

  /**
   * Copies are of four words: of keys and of values up to three are read behind their end, and of
   * values three before their beginning, nine a head and block. Codes of 1 to 5 bits, 3 in the
   * mean, give 128 channels some 384 words: 9 are less than 5% from 180 words on. (Heads of 128
   * channels, whose tables are read half at a time, may read their words twice.)
   */
  @ParameterizedTest(name = "length {0}")
  @ValueSource(ints = {1, 32, 33, 1022, 3000})
  void codesOfMixedWidthsAddNoMoreThanTheRoundingOfCopies(int length) {
    SplittableRandom random = new SplittableRandom(SEED + length);
    List<HeadCodec> heads =
        IntStream.range(0, HEADS)
            .mapToObj(h -> RandomCodec.head(random, mixedBits(random), mixedBits(random)))
            .toList();
    long packed = packedBytes(heads, length);
    assertThat(streamedBytes(heads, new int[] {length}, false))
        .as("seed %d", SEED)
        .isBetween(packed, packed * 105 / 100);
  }

  @Test
  void ofASequenceWithATailOnlyFullBlocksAreRead() {
    List<HeadCodec> heads = uniform(5, 1);
    int[] lengths = {31, 32, 95, 1022};
    long packed = 0;
    for (int length : lengths) {
      packed += packedBytes(heads, length / BLOCK * BLOCK);
    }
    assertThat(streamedBytes(heads, lengths, true)).isEqualTo(packed);
  }

  private static List<HeadCodec> uniform(int keyBits, int valueBits) {
    SplittableRandom random = new SplittableRandom(SEED);
    return IntStream.range(0, HEADS)
        .mapToObj(
            h ->
                RandomCodec.head(
                    random,
                    RandomCodec.uniformBits(HEAD_DIM, keyBits),
                    RandomCodec.uniformBits(HEAD_DIM, valueBits)))
        .toList();
  }

  private static int[] mixedBits(SplittableRandom random) {
    return random.ints(HEAD_DIM, 1, 6).toArray();
  }

  private static long packedBytes(List<HeadCodec> heads, int tokens) {
    return heads.stream().mapToLong(head -> head.layout().packedBytes(tokens)).sum();
  }

  private long streamedBytes(List<HeadCodec> heads, int[] lengths, boolean withTails) {
    LayerCodec codec = kept.keep(new LayerCodec(device.stream().context(), heads));
    int[] firstSlots = new int[lengths.length];
    int slots = 0;
    for (int s = 0; s < lengths.length; s++) {
      firstSlots[s] = slots;
      slots += PackedKvLayout.blocks(lengths[s]);
    }
    int rows = lengths.length;
    int longest = Arrays.stream(lengths).max().orElseThrow();
    int splits = PackedDecodeKernels.splits(longest) + (withTails ? 1 : 0);
    PartialStates partial =
        new PartialStates(
            splits,
            device.upload(new float[rows * HEADS * splits * HEAD_DIM]),
            device.upload(new float[rows * HEADS * splits * 2]));
    PackedDecodeKernels kernels = new PackedDecodeKernels(device.library(), HEAD_DIM);
    kernels.prepare(codec.decodePlan());
    DevicePointer counter = kernels.module().global("emulator_streamed_bytes");
    long before = read(counter);
    kernels.decode(
        device.stream(),
        rows,
        HEADS,
        codec,
        device.upload(new float[rows * HEADS * HEAD_DIM]),
        device.upload(new int[slots * codec.wordsPerSlot()]),
        null,
        device.upload(firstSlots),
        device.upload(IntStream.range(0, rows).toArray()),
        device.upload(lengths),
        withTails,
        partial);
    return read(counter) - before;
  }

  private long read(DevicePointer counter) {
    DeviceBuffer copy = device.upload(new int[2]);
    device.stream().copy(counter, copy, Long.BYTES);
    device.stream().synchronize();
    int[] halves = copy.ints(2);
    return Integer.toUnsignedLong(halves[0]) | (long) halves[1] << Integer.SIZE;
  }
}
