package org.turboesm.attention;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.turboesm.attention.reference.ReferenceAttentionKernels;
import org.turboesm.attention.vector.VectorAttentionKernels;
import org.turboesm.kv.AffineMap;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.FullKvBlocks;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.PackedKvBlocks;
import org.turboesm.kv.PackedKvLayout;

/** What every implementation of the kernels owes the reference. */
class AttentionKernelsContractTest {
  private static final int[] LENGTHS = {1, 2, 31, 32, 33, 127, 1022, 3000};
  private static final int[] HEAD_DIMS = {16, 24, 32, 64, 128};
  private static final long SEED = 20260101;
  private static final float CENTROID_LIMIT = 3;

  private final AttentionKernels reference = new ReferenceAttentionKernels();
  private final AttentionKernels kernels = new VectorAttentionKernels();

  static Stream<Arguments> sizes() {
    return Arrays.stream(HEAD_DIMS)
        .boxed()
        .flatMap(d -> Arrays.stream(LENGTHS).mapToObj(length -> Arguments.of(d, length)));
  }

  static Stream<Integer> headDims() {
    return Arrays.stream(HEAD_DIMS).boxed();
  }

  @ParameterizedTest(name = "headDim {0}, kvLen {1}")
  @MethodSource("sizes")
  void prefillOfOneSequenceEqualsTheReference(int headDim, int length) {
    assertPrefillEqualsReference(1, headDim, new int[] {0, length});
  }

  @ParameterizedTest(name = "headDim {0}")
  @MethodSource("headDims")
  void prefillOfARaggedBatchEqualsTheReference(int headDim) {
    assertPrefillEqualsReference(3, headDim, new int[] {0, 1, 3, 34, 66, 99, 226});
  }

  private void assertPrefillEqualsReference(int heads, int headDim, int[] cuSeqlens) {
    Random random = new Random(SEED);
    int size = cuSeqlens[cuSeqlens.length - 1] * heads * headDim;
    float[] queries = gaussians(random, size, 2 / Math.sqrt(headDim));
    float[] keys = gaussians(random, size, 1);
    float[] values = gaussians(random, size, 1);
    float[] expected = new float[size];
    float[] actual = new float[size];
    reference.prefill(heads, headDim, cuSeqlens, queries, keys, values, expected);
    kernels.prefill(heads, headDim, cuSeqlens, queries, keys, values, actual);
    int longest =
        IntStream.range(1, cuSeqlens.length)
            .map(s -> cuSeqlens[s] - cuSeqlens[s - 1])
            .max()
            .getAsInt();
    assertClose(actual, expected, limit(headDim, longest, queries, keys, values));
  }

  @ParameterizedTest(name = "headDim {0}, kvLen {1}")
  @MethodSource("sizes")
  void decodeOverFullPrecisionEqualsTheReference(int headDim, int length) {
    Random random = new Random(SEED);
    float[] query = gaussians(random, 2 * headDim, 2 / Math.sqrt(headDim));
    float[] keys = gaussians(random, length * headDim, 1);
    float[] values = gaussians(random, length * headDim, 1);
    FullKvBlocks cache = new FullKvBlocks(headDim, 1);
    for (int t = 0; t < length; t++) {
      cache.append(keys, t * headDim, values, t * headDim);
    }
    AttentionState expected = new AttentionState(headDim);
    AttentionState actual = new AttentionState(headDim);
    reference.decode(query, headDim, cache, expected);
    kernels.decode(query, headDim, cache, actual);
    assertClose(
        written(actual, headDim),
        written(expected, headDim),
        limit(headDim, length, query, keys, values));
  }

  @ParameterizedTest(name = "headDim {0}, kvLen {1}")
  @MethodSource("sizes")
  void decodeOverPackedBlocksEqualsTheReference(int headDim, int length) {
    for (boolean withTail : new boolean[] {false, true}) {
      Random random = new Random(SEED);
      float[] query = gaussians(random, headDim + 3, 2 / Math.sqrt(headDim));
      float[] keys = gaussians(random, length * headDim, 1);
      float[] values = gaussians(random, length * headDim, 1);
      PackedKvBlocks cache = new PackedKvBlocks(mixedCodec(random, headDim), 1, withTail);
      for (int t = 0; t < length; t++) {
        cache.append(keys, t * headDim, values, t * headDim, reference);
      }
      AttentionState expected = new AttentionState(headDim);
      AttentionState actual = new AttentionState(headDim);
      reference.decode(query, 3, cache, expected);
      kernels.decode(query, 3, cache, actual);
      double keyNorm = CENTROID_LIMIT * Math.sqrt(headDim);
      assertClose(
          written(actual, headDim),
          written(expected, headDim),
          limit(headDim, length, maxMagnitude(query) * Math.sqrt(headDim), keyNorm, CENTROID_LIMIT)
              + packedLimit(headDim, maxMagnitude(query), CENTROID_LIMIT));
    }
  }

  @ParameterizedTest(name = "headDim {0}, kvLen {1}")
  @MethodSource("sizes")
  void decodeOverTokenScaledValuesEqualsTheReference(int headDim, int length) {
    for (boolean withTail : new boolean[] {false, true}) {
      Random random = new Random(SEED);
      float[] query = gaussians(random, headDim + 3, 2 / Math.sqrt(headDim));
      float[] keys = gaussians(random, length * headDim, 1);
      float[] values = gaussians(random, length * headDim, 1);
      scaleTokens(random, values, headDim);
      PackedKvBlocks cache = new PackedKvBlocks(tokenScaledCodec(random, headDim), 1, withTail);
      for (int t = 0; t < length; t++) {
        cache.append(keys, t * headDim, values, t * headDim, reference);
      }
      AttentionState expected = new AttentionState(headDim);
      AttentionState actual = new AttentionState(headDim);
      reference.decode(query, 3, cache, expected);
      kernels.decode(query, 3, cache, actual);
      double keyNorm = CENTROID_LIMIT * Math.sqrt(headDim);
      // Rounded up to bfloat16, which is by less than 2^-7.
      double maxScale = maxMagnitude(values) * (1 + 0x1p-7);
      // A weight's product with a scale rounds once more.
      assertClose(
          written(actual, headDim),
          written(expected, headDim),
          limit(headDim, length + 1, maxMagnitude(query) * Math.sqrt(headDim), keyNorm, maxScale)
              + packedLimit(headDim, maxMagnitude(query), maxScale));
    }
  }

  /** Tokens of very different magnitudes, every fifth of them zero. */
  private static void scaleTokens(Random random, float[] values, int headDim) {
    for (int t = 0; t * headDim < values.length; t++) {
      float scale = t % 5 == 4 ? 0 : (float) Math.exp(random.nextGaussian());
      for (int c = 0; c < headDim; c++) {
        values[t * headDim + c] *= scale;
      }
    }
  }

  /**
   * What 16-bit tables add. Keys in fixed point: up to 8 channels share a step of the sum of their
   * |q| * half range / 32760 and round by half of one each, so that a logit errs by 4 / 32760 of
   * that sum over all channels, and a ratio of two weights by exp of twice that. Values as
   * bfloat16: 2^-9. Both are relative to the largest value.
   */
  private static double packedLimit(int headDim, double maxQuery, double maxValue) {
    double logitError = 4 * headDim * maxQuery * CENTROID_LIMIT / 32760;
    return (Math.expm1(2 * logitError) + 0x1p-9) * maxValue;
  }

  @ParameterizedTest(name = "headDim {0}")
  @MethodSource("headDims")
  void packGivesTheReferencesBitsExactly(int headDim) {
    Random random = new Random(SEED);
    Codebook codebook = mixedCodebook(random, headDim);
    int planes = Arrays.stream(codebook.bits()).sum();
    for (int tokens = 1; tokens <= PackedKvLayout.BLOCK_TOKENS; tokens++) {
      float[] channels = gaussians(random, 7 + headDim * PackedKvLayout.BLOCK_TOKENS, 1);
      putEdgeCases(channels, codebook);
      int[] expected = new int[planes + 2];
      int[] actual = new int[planes + 2];
      reference.pack(channels, 7, tokens, codebook, expected, 1);
      kernels.pack(channels, 7, tokens, codebook, actual, 1);
      assertThat(actual).as("%d tokens, seed %d", tokens, SEED).isEqualTo(expected);
    }
  }

  /** Values on thresholds, infinities and NaN, where a comparison's direction shows. */
  private static void putEdgeCases(float[] channels, Codebook codebook) {
    int block = PackedKvLayout.BLOCK_TOKENS;
    for (int c = 0; c < codebook.headDim(); c++) {
      channels[7 + c * block] = codebook.thresholds()[codebook.offset(c)];
      channels[7 + c * block + 1] = Float.NEGATIVE_INFINITY;
      channels[7 + c * block + 2] = Float.POSITIVE_INFINITY;
      channels[7 + c * block + 3] = Float.NaN;
    }
  }

  @ParameterizedTest(name = "headDim {0}")
  @MethodSource("headDims")
  void unpackGivesTheReferencesCentroidsExactly(int headDim) {
    Random random = new Random(SEED);
    Codebook codebook = mixedCodebook(random, headDim);
    int[] words = random.ints(Arrays.stream(codebook.bits()).sum() + 1).toArray();
    float[] expected = new float[headDim * PackedKvLayout.BLOCK_TOKENS];
    float[] actual = new float[headDim * PackedKvLayout.BLOCK_TOKENS];
    reference.unpack(words, 1, codebook, expected);
    kernels.unpack(words, 1, codebook, actual);
    assertThat(actual).isEqualTo(expected);
  }

  @ParameterizedTest(name = "headDim {0}")
  @MethodSource("headDims")
  void mapEqualsTheReference(int headDim) {
    Random random = new Random(SEED);
    AffineMap map =
        new AffineMap(
            headDim, gaussians(random, headDim * headDim, 1), gaussians(random, headDim, 1));
    float[] x = gaussians(random, 2 * headDim, 1);
    float[] expected = new float[headDim + 3];
    float[] actual = new float[headDim + 3];
    reference.map(map, x, headDim, expected, 2);
    kernels.map(map, x, headDim, actual, 2);
    // headDim + 1 terms, each side within (headDim + 1) u of the sum of their magnitudes.
    double magnitude = (headDim + 1) * maxMagnitude(x) * maxMagnitude(map.columns());
    assertClose(actual, expected, 2 * (headDim + 1) * 0x1p-24 * magnitude);
  }

  private static HeadCodec mixedCodec(Random random, int headDim) {
    AffineMap identity = AffineMap.identity(headDim);
    return new HeadCodec(
        identity,
        identity,
        identity,
        identity,
        mixedCodebook(random, headDim),
        mixedCodebook(random, headDim),
        false);
  }

  /** Its value tables are in units of a token's scale, so within [-1, 1]. */
  private static HeadCodec tokenScaledCodec(Random random, int headDim) {
    AffineMap identity = AffineMap.identity(headDim);
    return new HeadCodec(
        identity,
        identity,
        identity,
        identity,
        mixedCodebook(random, headDim),
        mixedCodebook(random, headDim, 1),
        true);
  }

  private static Codebook mixedCodebook(Random random, int headDim) {
    return mixedCodebook(random, headDim, CENTROID_LIMIT);
  }

  /** Every width from 0 to 8, channel after channel; centroids lie within a limit. */
  private static Codebook mixedCodebook(Random random, int headDim, float limit) {
    int[] bits = new int[headDim];
    float[][] centroids = new float[headDim][];
    float[][] thresholds = new float[headDim][];
    for (int c = 0; c < headDim; c++) {
      bits[c] = c % 9;
      centroids[c] = sorted(random, 1 << bits[c], limit);
      thresholds[c] = sorted(random, (1 << bits[c]) - 1, limit);
    }
    return new Codebook(bits, centroids, thresholds);
  }

  private static float[] sorted(Random random, int size, float limit) {
    float[] values = gaussians(random, size, 1);
    for (int i = 0; i < size; i++) {
      values[i] = Math.max(-limit, Math.min(limit, values[i]));
    }
    Arrays.sort(values);
    return values;
  }

  /**
   * The worst rounding in float, unit roundoff u = 2^-24. A logit of headDim products errs by at
   * most (headDim + 1) u sum |q k|, and sum |q k| is at most |q| |k|; exp adds 2 u and carries the
   * logit's error over as a relative one; sums of kvLen weights and weighted values err by kvLen u
   * each, relative to sums of magnitudes, which max |v| bounds. In all 2 (logit error + (kvLen + 4)
   * u) max |v|.
   */
  private static double limit(int headDim, int kvLen, float[] q, float[] k, float[] v) {
    return limit(headDim, kvLen, maxNorm(q, headDim), maxNorm(k, headDim), maxMagnitude(v));
  }

  private static double limit(
      int headDim, int kvLen, double queryNorm, double keyNorm, double maxValue) {
    double roundoff = 0x1p-24;
    double logitError = (headDim + 1) * roundoff * queryNorm * keyNorm;
    return 2 * (logitError + (kvLen + 4) * roundoff) * maxValue;
  }

  private static double maxNorm(float[] vectors, int headDim) {
    double max = 0;
    for (int first = 0; first + headDim <= vectors.length; first += headDim) {
      double square = 0;
      for (int c = 0; c < headDim; c++) {
        square += (double) vectors[first + c] * vectors[first + c];
      }
      max = Math.max(max, Math.sqrt(square));
    }
    return max;
  }

  private static double maxMagnitude(float[] values) {
    double max = 0;
    for (float value : values) {
      max = Math.max(max, Math.abs(value));
    }
    return max;
  }

  private static float[] gaussians(Random random, int size, double scale) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) (random.nextGaussian() * scale);
    }
    return values;
  }

  private static float[] written(AttentionState state, int headDim) {
    float[] output = new float[headDim];
    state.write(output, 0);
    return output;
  }

  private static void assertClose(float[] actual, float[] expected, double limit) {
    double worst = 0;
    for (int i = 0; i < expected.length; i++) {
      double difference = Math.abs((double) actual[i] - expected[i]);
      worst = difference <= worst ? worst : difference;
    }
    assertThat(worst).as("largest difference, seed %d", SEED).isLessThanOrEqualTo(limit);
  }
}
