package org.turboesm.attention.reference;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.turboesm.attention.AttentionKernels;
import org.turboesm.attention.AttentionState;
import org.turboesm.kv.BitPlanes;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.FullKvBlocks;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.PackedKvBlocks;
import org.turboesm.kv.RandomCodec;

class ReferenceAttentionKernelsTest {
  /** A float sum and quotient of sums made in double: numerator, denominator, quotient, scale. */
  private static final double ROUNDING = 4 * 0x1p-24;

  private final AttentionKernels kernels = new ReferenceAttentionKernels();

  static Stream<Arguments> shapes() {
    return Stream.of(16, 24, 32, 64, 128)
        .flatMap(
            headDim ->
                Stream.of(1, 31, 32, 33, 64, 100, 1022)
                    .map(length -> Arguments.of(headDim, length)));
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void decodingPackedBlocksEqualsDecodingTheirCentroids(int headDim, int length) {
    Head head = new Head(headDim, length);
    PackedKvBlocks packed = head.packed(false);

    float[] expected = decode(head.query, unpacked(packed));

    AttentionState state = new AttentionState(headDim);
    kernels.decodePacked(head.query, 0, packed, state);
    assertThat(written(state)).containsExactly(expected);
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void decodingWithTailIsAttentionOverBlocksAndTail(int headDim, int length) {
    Head head = new Head(headDim, length);
    PackedKvBlocks packed = head.packed(true);
    FullKvBlocks all = unpacked(packed);
    for (int t = packed.packedLength(); t < length; t++) {
      all.append(head.keys, t * headDim, head.values, t * headDim);
    }

    AttentionState state = new AttentionState(headDim);
    kernels.decode(head.query, 0, packed, state);

    // A second maximum and merge: twice the roundings, of values below 6.
    assertClose(written(state), decode(head.query, all), 2 * ROUNDING * 6);
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void lastRowOfPrefillEqualsDecodingOverTheFullCache(int headDim, int length) {
    Head head = new Head(headDim, length);
    float[] queries = new float[length * headDim];
    System.arraycopy(head.query, 0, queries, (length - 1) * headDim, headDim);
    float[] output = new float[length * headDim];

    kernels.prefill(1, headDim, new int[] {0, length}, queries, head.keys, head.values, output);

    assertClose(
        Arrays.copyOfRange(output, (length - 1) * headDim, length * headDim),
        decode(head.query, head.full()),
        ROUNDING * 6);
  }

  @Test
  void decodingOverTwoCachesInOneStateIsAttentionOverBoth() {
    Head first = new Head(24, 40);
    Head second = new Head(24, 70);
    FullKvBlocks both = first.full();
    for (int t = 0; t < 70; t++) {
      both.append(second.keys, t * 24, second.values, t * 24);
    }
    AttentionState state = new AttentionState(24);

    kernels.decode(first.query, 0, first.full(), state);
    kernels.decode(first.query, 0, second.full(), state);

    assertClose(written(state), decode(first.query, both), 2 * ROUNDING * 6);
  }

  @Test
  void cacheOfNoTokensLeavesTheStateAsItWas() {
    Head head = new Head(16, 10);
    AttentionState state = new AttentionState(16);
    kernels.decode(head.query, 0, head.full(), state);
    float[] before = written(state);

    kernels.decode(head.query, 0, new FullKvBlocks(16, 0), state);
    kernels.decode(head.query, 0, new PackedKvBlocks(head.codec, 0, true), state);

    assertThat(written(state)).containsExactly(before);
  }

  @Test
  void queryIsReadFromItsOffset() {
    Head head = new Head(16, 10);
    float[] shifted = new float[21];
    System.arraycopy(head.query, 0, shifted, 5, 16);
    AttentionState full = new AttentionState(16);
    AttentionState packed = new AttentionState(16);
    AttentionState packedAtZero = new AttentionState(16);

    kernels.decode(shifted, 5, head.full(), full);
    kernels.decodePacked(shifted, 5, head.packed(false), packed);
    kernels.decodePacked(head.query, 0, head.packed(false), packedAtZero);

    assertThat(written(full)).containsExactly(decode(head.query, head.full()));
    assertThat(written(packed)).containsExactly(written(packedAtZero));
  }

  @Test
  void prefillOfASequenceSeesNoOtherAndNoOtherHead() {
    int heads = 3;
    int headDim = 16;
    int[] cuSeqlens = {0, 7, 8, 50};
    SplittableRandom random = new SplittableRandom(1);
    float[] queries = RandomCodec.floats(random, 50 * heads * headDim);
    float[] keys = RandomCodec.floats(random, 50 * heads * headDim);
    float[] values = RandomCodec.floats(random, 50 * heads * headDim);
    float[] output = new float[50 * heads * headDim];

    kernels.prefill(heads, headDim, cuSeqlens, queries, keys, values, output);

    for (int s = 0; s < 3; s++) {
      int length = cuSeqlens[s + 1] - cuSeqlens[s];
      for (int h = 0; h < heads; h++) {
        float[] alone = new float[length * headDim];
        kernels.prefill(
            1,
            headDim,
            new int[] {0, length},
            head(queries, cuSeqlens[s], length, heads, h, headDim),
            head(keys, cuSeqlens[s], length, heads, h, headDim),
            head(values, cuSeqlens[s], length, heads, h, headDim),
            alone);
        assertThat(head(output, cuSeqlens[s], length, heads, h, headDim))
            .as("sequence %d, head %d", s, h)
            .containsExactly(alone);
      }
    }
  }

  @Test
  void queryOfZeroAveragesTheValues() {
    float[] output = new float[4];

    kernels.prefill(
        1,
        2,
        new int[] {0, 2},
        new float[4],
        new float[] {5, -7, 1, 2},
        new float[] {1, 10, 3, 30},
        output);

    assertThat(output).containsExactly(2, 20, 2, 20);
  }

  @Test
  void keyOfAMuchLargerLogitTakesAll() {
    float[] output = new float[4];

    kernels.prefill(
        1,
        2,
        new int[] {0, 2},
        new float[] {1e3f, 0, -1e3f, 0},
        new float[] {10, 0, -10, 0},
        new float[] {1, 2, 3, 4},
        output);

    assertThat(output).containsExactly(1, 2, 3, 4);
  }

  @Test
  void packingIgnoresLanesOfMissingTokens() {
    Head head = new Head(16, 5);
    Codebook codebook = head.codec.keyCodebook();
    int planes = Arrays.stream(codebook.bits()).sum();
    float[] channels = new float[2 + 16 * 32];
    Arrays.fill(channels, Float.NaN);
    for (int c = 0; c < 16; c++) {
      for (int t = 0; t < 5; t++) {
        channels[2 + c * 32 + t] = head.keys[t * 16 + c];
      }
      for (int t = 5; t < 32; t++) {
        channels[2 + c * 32 + t] = t % 2 == 0 ? Float.NaN : Float.POSITIVE_INFINITY;
      }
    }
    int[] words = new int[3 + planes];
    Arrays.fill(words, -1);

    kernels.pack(channels, 2, 5, codebook, words, 3);

    int plane = 3;
    for (int c = 0; c < 16; c++) {
      for (int t = 0; t < 32; t++) {
        int expected = t < 5 ? codebook.code(c, head.keys[t * 16 + c]) : 0;
        assertThat(BitPlanes.code(words, plane, codebook.bits(c), t)).isEqualTo(expected);
      }
      plane += codebook.bits(c);
    }
    assertThat(words).startsWith(-1, -1, -1);
  }

  private FullKvBlocks unpacked(PackedKvBlocks packed) {
    HeadCodec codec = packed.codec();
    int headDim = codec.headDim();
    FullKvBlocks full = new FullKvBlocks(headDim, packed.packedLength());
    float[] keys = new float[headDim * 32];
    float[] values = new float[headDim * 32];
    float[] key = new float[headDim];
    float[] value = new float[headDim];
    for (int t = 0; t < packed.packedLength(); t++) {
      int block = t / 32 * packed.layout().wordsPerBlock();
      if (t % 32 == 0) {
        kernels.unpack(packed.words(), block, codec.keyCodebook(), keys);
        kernels.unpack(
            packed.words(),
            block + packed.layout().valueWordsOffset(),
            codec.valueCodebook(),
            values);
      }
      for (int c = 0; c < headDim; c++) {
        key[c] = keys[c * 32 + t % 32];
        value[c] = values[c * 32 + t % 32];
      }
      full.append(key, 0, value, 0);
    }
    return full;
  }

  private float[] decode(float[] query, FullKvBlocks cache) {
    AttentionState state = new AttentionState(cache.headDim());
    kernels.decode(query, 0, cache, state);
    float[] output = new float[cache.headDim()];
    state.write(output, 0);
    return output;
  }

  private static float[] written(AttentionState state) {
    float[] output = new float[state.output().length];
    state.write(output, 0);
    return output;
  }

  private static float[] head(
      float[] x, int firstToken, int tokens, int heads, int head, int headDim) {
    float[] alone = new float[tokens * headDim];
    for (int t = 0; t < tokens; t++) {
      System.arraycopy(x, ((firstToken + t) * heads + head) * headDim, alone, t * headDim, headDim);
    }
    return alone;
  }

  private static void assertClose(float[] found, float[] expected, double limit) {
    assertThat(found).hasSameSizeAs(expected);
    for (int c = 0; c < found.length; c++) {
      assertThat((double) found[c])
          .as("channel %d", c)
          .isCloseTo(expected[c], Offset.offset(limit));
    }
  }

  /** Random tokens of one head, [length, headDim], a query and a codec of mixed widths. */
  private static final class Head {
    private final int headDim;
    private final int length;
    private final HeadCodec codec;
    private final float[] query;
    private final float[] keys;
    private final float[] values;

    Head(int headDim, int length) {
      SplittableRandom random = new SplittableRandom(2000L * headDim + length);
      this.headDim = headDim;
      this.length = length;
      this.codec =
          RandomCodec.head(
              random, RandomCodec.bits(random, headDim), RandomCodec.bits(random, headDim));
      this.query = RandomCodec.floats(random, headDim);
      this.keys = RandomCodec.floats(random, length * headDim);
      this.values = RandomCodec.floats(random, length * headDim);
    }

    FullKvBlocks full() {
      FullKvBlocks full = new FullKvBlocks(headDim, length);
      for (int t = 0; t < length; t++) {
        full.append(keys, t * headDim, values, t * headDim);
      }
      return full;
    }

    PackedKvBlocks packed(boolean withTail) {
      PackedKvBlocks packed = new PackedKvBlocks(codec, length, withTail);
      for (int t = 0; t < length; t++) {
        packed.append(keys, t * headDim, values, t * headDim, new ReferenceAttentionKernels());
      }
      return packed;
    }
  }
}
