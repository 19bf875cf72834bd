package org.turboesm.attention.vector;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.turboesm.attention.AttentionState;
import org.turboesm.attention.reference.ReferenceAttentionKernels;
import org.turboesm.kv.AffineMap;
import org.turboesm.kv.BlockPacker;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.PackedKvBlocks;
import org.turboesm.kv.PackedKvLayout;
import org.turboesm.kv.RandomCodec;

/** Every implementation that this machine's vectors are wide enough for, whatever the JDK. */
class PackedDecodeKernelTest {
  private static final long SEED = 20260102;
  private static final int[] LENGTHS = {1, 2, 31, 32, 33, 64, 65, 127, 1022, 3000};
  private static final int[] HEAD_DIMS = {16, 24, 32, 64, 128};
  private static final int BLOCK = PackedKvLayout.BLOCK_TOKENS;

  private final ReferenceAttentionKernels reference = new ReferenceAttentionKernels();

  static Map<String, PackedDecodeKernel> kernels() {
    Map<String, PackedDecodeKernel> kernels = new LinkedHashMap<>();
    kernels.put("int lanes", new IntLaneDecode());
    if (Lanes.FLOATS.vectorBitSize() == 512) {
      kernels.put("shifts", new ByteLaneDecode(new ShiftedPlaneLookup()));
      kernels.put("masks", new ByteLaneDecode(new MaskedPlaneLookup()));
    }
    return kernels;
  }

  static Stream<Arguments> sizes() {
    return kernels().keySet().stream()
        .flatMap(
            name ->
                Arrays.stream(HEAD_DIMS)
                    .boxed()
                    .flatMap(
                        d ->
                            Arrays.stream(LENGTHS)
                                .mapToObj(length -> Arguments.of(name, d, length))));
  }

  static Stream<Arguments> widths() {
    return kernels().keySet().stream()
        .flatMap(
            name ->
                IntStream.rangeClosed(0, PackedKvLayout.MAX_BITS)
                    .mapToObj(bits -> Arguments.of(name, bits)));
  }

  static Stream<String> names() {
    return kernels().keySet().stream();
  }

  @ParameterizedTest(name = "{0}, headDim {1}, kvLen {2}")
  @MethodSource("sizes")
  void mixedWidthsEqualTheReference(String name, int headDim, int length) {
    SplittableRandom random = new SplittableRandom(SEED);
    HeadCodec codec =
        codec(random, RandomCodec.bits(random, headDim), RandomCodec.bits(random, headDim));
    assertEqualsReference(name, query(random, headDim, 2), randomCache(random, codec, length));
  }

  @ParameterizedTest(name = "{0}, headDim {1}, kvLen {2}")
  @MethodSource("sizes")
  void tokenScaledValuesEqualTheReference(String name, int headDim, int length) {
    SplittableRandom random = new SplittableRandom(SEED);
    HeadCodec codec =
        RandomCodec.withTokenScales(
            codec(random, RandomCodec.bits(random, headDim), RandomCodec.bits(random, headDim)));
    assertEqualsReference(name, query(random, headDim, 2), randomCache(random, codec, length));
  }

  @ParameterizedTest(name = "{0}, {1} bits")
  @MethodSource("widths")
  void tokenScaledValuesOfOneWidthEqualTheReference(String name, int bits) {
    SplittableRandom random = new SplittableRandom(SEED);
    int[] widths = RandomCodec.uniformBits(64, bits);
    HeadCodec codec = RandomCodec.withTokenScales(codec(random, widths, widths));
    assertEqualsReference(name, query(random, 64, 2), randomCache(random, codec, 1022));
  }

  @ParameterizedTest(name = "{0}, {1} bits")
  @MethodSource("widths")
  void oneWidthEqualsTheReference(String name, int bits) {
    SplittableRandom random = new SplittableRandom(SEED);
    int[] widths = RandomCodec.uniformBits(64, bits);
    HeadCodec codec = codec(random, widths, widths);
    assertEqualsReference(name, query(random, 64, 2), randomCache(random, codec, 1022));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("names")
  void extremeQueriesEqualTheReference(String name) {
    SplittableRandom random = new SplittableRandom(SEED);
    int headDim = 64;
    HeadCodec codec =
        codec(random, RandomCodec.bits(random, headDim), RandomCodec.bits(random, headDim));
    PackedKvBlocks cache = randomCache(random, codec, 127);
    float[] zero = new float[headDim];
    assertEqualsReference(name, zero, cache);
    float[] equal = new float[headDim];
    Arrays.fill(equal, 0.3f);
    assertEqualsReference(name, equal, cache);
    float[] tiny = query(random, headDim, 1e-35);
    assertEqualsReference(name, tiny, cache);
    for (int c = 0; c < headDim; c++) {
      float[] huge = query(random, headDim, 0.01);
      huge[c] = 60;
      assertEqualsReference(name, huge, cache);
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("names")
  void tablesOfOneValueEqualTheReference(String name) {
    SplittableRandom random = new SplittableRandom(SEED);
    int headDim = 16;
    float[][] centroids = new float[headDim][8];
    float[][] thresholds = new float[headDim][7];
    for (int c = 0; c < headDim; c++) {
      Arrays.fill(centroids[c], c - 7.25f);
    }
    Codebook codebook = new Codebook(RandomCodec.uniformBits(headDim, 3), centroids, thresholds);
    AffineMap identity = AffineMap.identity(headDim);
    HeadCodec codec =
        new HeadCodec(identity, identity, identity, identity, codebook, codebook, false);
    assertEqualsReference(name, query(random, headDim, 2), randomCache(random, codec, 65));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("names")
  void aReusedStateGivesTheSameBits(String name) {
    SplittableRandom random = new SplittableRandom(SEED);
    HeadCodec codec = codec(random, RandomCodec.bits(random, 64), RandomCodec.bits(random, 64));
    PackedKvBlocks longer = randomCache(random, codec, 3000);
    PackedKvBlocks shorter = randomCache(random, codec, 1022);
    float[] query = query(random, 64, 2);
    AttentionState state = new AttentionState(64);
    PackedDecodeKernel kernel = kernels().get(name);
    kernel.decode(query, 0, longer, state);
    float[] first = written(state);
    state.reset();
    kernel.decode(query, 0, shorter, state);
    state.reset();
    kernel.decode(query, 0, longer, state);
    assertThat(written(state)).as("seed %d", SEED).isEqualTo(first);
  }

  /** Interpreted at the first call, compiled by C1 and then by C2 at the last ones. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("names")
  void warmthChangesNoBit(String name) {
    SplittableRandom random = new SplittableRandom(SEED);
    HeadCodec codec = codec(random, RandomCodec.bits(random, 64), RandomCodec.bits(random, 64));
    PackedKvBlocks cache = randomCache(random, codec, 1022);
    float[] query = query(random, 64, 2);
    AttentionState state = new AttentionState(64);
    PackedDecodeKernel kernel = kernels().get(name);
    float[] first = null;
    for (int call = 0; call < 1500; call++) {
      state.reset();
      kernel.decode(query, 0, cache, state);
      float[] now = written(state);
      first = first == null ? now : first;
      assertThat(now).as("call %d, seed %d", call, SEED).isEqualTo(first);
    }
  }

  /** Zen 4 and Ice Lake on have the instruction, under which name the kernel reports it or not. */
  @Test
  void theWidestVectorsAndByteShufflesBringBytes() throws IOException {
    boolean wide = Lanes.FLOATS.vectorBitSize() == 512;
    boolean shuffles =
        Files.isReadable(Path.of("/proc/cpuinfo"))
            && Files.readString(Path.of("/proc/cpuinfo")).matches("(?s).*\\bavx512_?vbmi\\b.*");
    String expected = Runtime.version().feature() < 21 ? "shifts" : "masks";
    assertThat(PackedDecodeKernel.ofThisMachine().name())
        .isEqualTo(wide && shuffles ? "codes as bytes by " + expected : "codes as ints");
  }

  private void assertEqualsReference(String name, float[] query, PackedKvBlocks cache) {
    int headDim = cache.codec().headDim();
    float[] padded = new float[headDim + 3];
    System.arraycopy(query, 0, padded, 3, headDim);
    AttentionState expected = new AttentionState(headDim);
    AttentionState actual = new AttentionState(headDim);
    reference.decodePacked(padded, 3, cache, expected);
    kernels().get(name).decode(padded, 3, cache, actual);
    float[] expectedOutput = written(expected);
    float[] actualOutput = written(actual);
    double limit = limit(query, cache);
    for (int c = 0; c < headDim; c++) {
      double difference = Math.abs((double) actualOutput[c] - expectedOutput[c]);
      assertThat(difference)
          .as("%s, channel %d, seed %d", name, c, SEED)
          .isLessThanOrEqualTo(limit);
    }
  }

  /**
   * Fixed point: at most 8 channels share a step of (sum of |q| * half range) / 32760, and each
   * rounds by half of one, so that a logit errs by 4 / 32760 of S, that sum over all channels; two
   * logits by twice that, d, and a ratio of weights by at most exp(d) - 1. bfloat16: 2^-9 of the
   * largest distance of a value from the middle of its channel. Float rounding, u = 2^-24: a logit
   * of sums of headDim + 2 terms, each at most |q| |k|; kvLen weights and weighted values, and the
   * product of a weight and a scale. Values are relative to their token's scale, at most the
   * largest one.
   */
  private static double limit(float[] query, PackedKvBlocks cache) {
    Codebook keys = cache.codec().keyCodebook();
    Codebook values = cache.codec().valueCodebook();
    double spread = 0;
    double magnitude = 0;
    double largestValue = 0;
    double largestHalfRange = 0;
    for (int c = 0; c < query.length; c++) {
      double q = Math.abs((double) query[c]);
      spread += q * keys.halfRange(c);
      magnitude += q * (Math.abs(keys.middle(c)) + keys.halfRange(c));
      largestValue = Math.max(largestValue, Math.abs(values.middle(c)) + values.halfRange(c));
      largestHalfRange = Math.max(largestHalfRange, values.halfRange(c));
    }
    double largestScale = 0;
    for (int t = 0; t < cache.packedLength(); t++) {
      largestScale = Math.max(largestScale, cache.valueScale(t));
    }
    double roundoff = 0x1p-24;
    double logitError = 4 * spread / 32760 + (query.length + 2) * roundoff * magnitude;
    double roundingOfSums = 2 * (cache.packedLength() + 5) * roundoff;
    double relative =
        (Math.expm1(2 * logitError) + roundingOfSums) * largestValue + 0x1p-9 * largestHalfRange;
    return relative * largestScale;
  }

  private static HeadCodec codec(SplittableRandom random, int[] keyBits, int[] valueBits) {
    AffineMap identity = AffineMap.identity(keyBits.length);
    return new HeadCodec(
        identity,
        identity,
        identity,
        identity,
        RandomCodec.codebook(random, keyBits),
        RandomCodec.codebook(random, valueBits),
        false);
  }

  /** Codes at random: all of every table; with tokens' scales, these at random too. */
  private static PackedKvBlocks randomCache(SplittableRandom random, HeadCodec codec, int length) {
    BlockPacker codes =
        (channels, offset, tokens, codebook, words, wordsOffset) -> {
          int planes = Arrays.stream(codebook.bits()).sum();
          for (int p = 0; p < planes; p++) {
            words[wordsOffset + p] = random.nextInt() & (tokens == BLOCK ? -1 : (1 << tokens) - 1);
          }
        };
    PackedKvBlocks cache = new PackedKvBlocks(codec, 1, false);
    for (int t = 0; t < length; t += BLOCK) {
      float[] values = new float[codec.headDim() * BLOCK];
      for (int i = 0; i < BLOCK; i++) {
        values[i] = (float) Math.exp(random.nextGaussian());
      }
      cache.appendBlock(new float[0], values, Math.min(BLOCK, length - t), codes);
    }
    return cache;
  }

  /** Such that logits spread by about {@code scale}. */
  private static float[] query(SplittableRandom random, int headDim, double scale) {
    float[] query = RandomCodec.floats(random, headDim);
    for (int c = 0; c < headDim; c++) {
      query[c] *= (float) (scale / Math.sqrt(headDim));
    }
    return query;
  }

  private static float[] written(AttentionState state) {
    float[] output = new float[state.output().length];
    state.write(output, 0);
    return output;
  }
}
