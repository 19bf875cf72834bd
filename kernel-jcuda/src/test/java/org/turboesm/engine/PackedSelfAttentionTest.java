package org.turboesm.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.attention.AttentionKernels;
import org.turboesm.attention.reference.ReferenceAttentionKernels;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.RandomEsmModel;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;
import org.turboesm.kv.RandomCodec;
import org.turboesm.kv.TokenScale;

/**
 * Attention through the packed cache, on its own. The tables hold every token's values exactly, so
 * that only the algebra of transforms and means, and rounding, is left.
 */
class PackedSelfAttentionTest {
  private static final int HEADS = 2;
  private static final int[] CU_SEQLENS = {0, 100, 101, 133, 200};
  private static final int TOKENS = 200;

  private final AttentionKernels kernels = new ReferenceAttentionKernels();

  @ParameterizedTest
  @ValueSource(ints = {16, 24, 32, 64, 128})
  void equalsPlainAttentionWhenTheTablesHoldTheTokens(int headDim) {
    Tokens tokens = new Tokens(headDim);

    float[] output = tokens.attend(tokens.codec(8), false);

    assertThat(tokens.largestError(output)).isLessThan(tokens.limit());
  }

  @ParameterizedTest
  @ValueSource(ints = {16, 24, 32, 64, 128})
  void equalsPlainAttentionWhenTheTablesHoldTheTokenScaledValues(int headDim) {
    Tokens tokens = new Tokens(headDim);

    float[] output = tokens.attend(tokens.tokenScaledCodec(8), false);

    assertThat(tokens.largestError(output)).isLessThan(tokens.limit());
  }

  @ParameterizedTest
  @ValueSource(ints = {16, 24, 32, 64, 128})
  void tokenScaledValuesAreWhatTheirCodesAndScalesStandFor(int headDim) {
    Tokens tokens = new Tokens(headDim);
    KvCodec codec = tokens.tokenScaledCodec(2);
    float[] transformedQueries = new float[tokens.queries.length];
    float[] readKeys = new float[tokens.keys.length];
    float[] readValues = new float[tokens.values.length];
    float[] expected = new float[tokens.values.length];
    for (int h = 0; h < HEADS; h++) {
      HeadCodec head = codec.head(0, h);
      kernels.mapHead(head.query(), tokens.queries, TOKENS, HEADS, h, transformedQueries);
      kernels.mapHead(head.key(), tokens.keys, TOKENS, HEADS, h, readKeys);
      for (int t = 0; t < TOKENS; t++) {
        int token = (t * HEADS + h) * headDim;
        float scale = TokenScale.of(tokens.values, token, headDim);
        for (int c = 0; c < headDim; c++) {
          Codebook keys = head.keyCodebook();
          Codebook values = head.valueCodebook();
          readKeys[token + c] = keys.centroid(c, keys.code(c, readKeys[token + c]));
          int code = values.code(c, tokens.values[token + c] / scale);
          readValues[token + c] = values.centroid(c, code) * scale;
        }
      }
    }
    kernels.prefill(HEADS, headDim, CU_SEQLENS, transformedQueries, readKeys, readValues, expected);

    assertThat(tokens.attend(codec, true)).containsExactly(expected);
  }

  @ParameterizedTest
  @ValueSource(ints = {16, 24, 32, 64, 128})
  void oneBitLessIsSeen(int headDim) {
    Tokens tokens = new Tokens(headDim);

    float[] output = tokens.attend(tokens.codec(7), false);

    assertThat(tokens.largestError(output)).isGreaterThan(10 * tokens.limit());
  }

  @ParameterizedTest
  @ValueSource(ints = {16, 24, 32, 64, 128})
  void transformedValuesGiveTheTransformedOutput(int headDim) {
    Tokens tokens = new Tokens(headDim);
    KvCodec codec = tokens.codec(3);
    float[] transformedValues = new float[tokens.values.length];
    for (int h = 0; h < HEADS; h++) {
      kernels.mapHead(codec.head(0, h).value(), tokens.values, TOKENS, HEADS, h, transformedValues);
    }
    float[] restored = new float[tokens.values.length];

    float[] output = tokens.attend(codec, transformedValues, true);
    for (int h = 0; h < HEADS; h++) {
      kernels.mapHead(codec.head(0, h).output(), output, TOKENS, HEADS, h, restored);
    }

    assertThat(restored).containsExactly(tokens.attend(codec, false));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void inputsStayAsTheyAre(boolean valuesAreTransformed) {
    Tokens tokens = new Tokens(16);
    float[] queries = tokens.queries.clone();
    float[] keys = tokens.keys.clone();
    float[] values = tokens.values.clone();

    tokens.attend(tokens.codec(2), valuesAreTransformed);

    assertThat(tokens.queries).containsExactly(queries);
    assertThat(tokens.keys).containsExactly(keys);
    assertThat(tokens.values).containsExactly(values);
  }

  /** Random queries, keys and values of one layer, standard normal, queries scaled. */
  private final class Tokens {
    private final EsmConfig config;
    private final KvCodec transforms;
    private final float[] queries;
    private final float[] keys;
    private final float[] values;

    Tokens(int headDim) {
      SplittableRandom random = new SplittableRandom(headDim);
      config = RandomEsmModel.config(1, HEADS, headDim);
      List<HeadCodec> heads = new ArrayList<>();
      for (int h = 0; h < HEADS; h++) {
        heads.add(RandomCodec.maps(random, headDim));
      }
      transforms = new KvCodec(List.of(heads), false);
      queries = RandomCodec.floats(random, TOKENS * HEADS * headDim);
      keys = RandomCodec.floats(random, TOKENS * HEADS * headDim);
      values = RandomCodec.floats(random, TOKENS * HEADS * headDim);
      for (int i = 0; i < queries.length; i++) {
        queries[i] /= (float) Math.sqrt(headDim);
      }
    }

    KvCodec codec(int bits) {
      return codec(transforms, bits);
    }

    KvCodec tokenScaledCodec(int bits) {
      List<HeadCodec> heads =
          transforms.heads().get(0).stream().map(RandomCodec::withTokenScales).toList();
      return codec(new KvCodec(List.of(heads), false), bits);
    }

    private KvCodec codec(KvCodec transforms, int bits) {
      ObservedTokens observed = new ObservedTokens(config);
      observed.attention(0, queries, keys, values, new float[0]);
      return observed.codec(transforms, false, bits);
    }

    float[] attend(KvCodec codec, boolean valuesAreTransformed) {
      return attend(codec, values, valuesAreTransformed);
    }

    float[] attend(KvCodec codec, float[] someValues, boolean valuesAreTransformed) {
      float[] output = new float[values.length];
      new PackedSelfAttention(kernels, codec, CU_SEQLENS, valuesAreTransformed)
          .attend(0, queries, keys, someValues, output);
      return output;
    }

    double largestError(float[] output) {
      float[] expected = new float[values.length];
      kernels.prefill(HEADS, config.headDim(), CU_SEQLENS, queries, keys, values, expected);
      double largest = 0;
      for (int i = 0; i < expected.length; i++) {
        largest = Math.max(largest, Math.abs((double) output[i] - expected[i]));
      }
      return largest;
    }

    /**
     * With d channels, a channel of a map's result is a sum of d rounded products and a rounded
     * bias; roundings are independent and add up like sqrt(d + 2) (Higham and Mary 2019). A map and
     * its inverse stretch by s = 2 each. Vectors k - m and v - m are below 2 sqrt(2 d) long, q
     * below 2. A logit sums up the independent errors of d channels of q and of k, each 1 / sqrt(d)
     * of its vector, so four deviations of it are below 4 sqrt(2) u s^2 |q| |k - m|. Weights are
     * off by twice that, in relation; outputs by that times a channel of v, below 5, and by sqrt(d
     * + 2) u s^2 times a channel of v - m, below 7, on each of the two ways. Values divided and
     * multiplied by a scale round twice more, where the map and its inverse round d + 2 times each.
     */
    double limit() {
      double d = config.headDim();
      double rounding = 0x1p-24 * RandomCodec.LARGEST_STRETCH * RandomCodec.LARGEST_STRETCH;
      double logits = 4 * Math.sqrt(2) * rounding * 2 * 2 * Math.sqrt(2 * d);
      return 2 * logits * 5 + 2 * Math.sqrt(d + 3) * rounding * 7;
    }
  }
}
