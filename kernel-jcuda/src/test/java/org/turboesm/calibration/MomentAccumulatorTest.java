package org.turboesm.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.turboesm.TurboEsmException;
import org.turboesm.kv.AffineMap;

class MomentAccumulatorTest {
  private static final int HEADS = 2;
  private static final int HEAD_DIM = 8;
  private static final int PROTEINS = 12;

  @Property(tries = 50)
  void anyPartitioningInAnyOrderGivesTheSameBits(
      @ForAll long seed, @ForAll @IntRange(min = 1, max = PROTEINS) int partitions) {
    Random random = new Random(seed);
    List<float[]> proteins = proteins(random);
    MomentAccumulator whole = accumulate(proteins);

    Collections.shuffle(proteins, random);
    List<MomentAccumulator> parts = new ArrayList<>();
    for (int p = 0; p < partitions; p++) {
      parts.add(new MomentAccumulator(HEADS, HEAD_DIM, true, true));
    }
    for (float[] protein : proteins) {
      add(parts.get(random.nextInt(partitions)), protein);
    }
    while (parts.size() > 1) {
      MomentAccumulator one = parts.remove(random.nextInt(parts.size()));
      MomentAccumulator other = parts.remove(random.nextInt(parts.size()));
      parts.add(one.merge(other));
    }
    assertThat(parts.get(0)).isEqualTo(whole);
  }

  @Test
  void momentsAreThoseOfPlainSums() {
    List<float[]> proteins = proteins(new Random(7));
    MomentAccumulator moments = accumulate(proteins);
    double[][] expected = new double[HEAD_DIM][HEAD_DIM];
    double[] mean = new double[HEAD_DIM];
    long tokens = 0;
    int head = 1;
    for (float[] protein : proteins) {
      for (int t = 0; t < protein.length / (HEADS * HEAD_DIM); t++, tokens++) {
        int offset = (t * HEADS + head) * HEAD_DIM;
        for (int i = 0; i < HEAD_DIM; i++) {
          mean[i] += 2 * protein[offset + i];
          for (int j = 0; j < HEAD_DIM; j++) {
            expected[i][j] += 4.0 * protein[offset + i] * protein[offset + j];
          }
        }
      }
    }
    assertThat(moments.tokens()).isEqualTo(tokens);
    assertThat(moments.proteins()).isEqualTo(PROTEINS);
    // Half a quantum a protein, of 2^-20, over the tokens; at least one token a protein.
    double limit = 0x1p-21;
    for (int i = 0; i < HEAD_DIM; i++) {
      assertThat(moments.keys(false).mean(head)[i]).isCloseTo(mean[i] / tokens, within(limit));
      for (int j = 0; j < HEAD_DIM; j++) {
        assertThat(moments.keys(false).moment(head)[i][j])
            .isCloseTo(expected[i][j] / tokens, within(limit));
        assertThat(moments.queries(false).moment(head)[i][j])
            .isCloseTo(expected[i][j] / 4 / tokens, within(limit));
        assertThat(moments.values(false).moment(head)[i][j])
            .isCloseTo(expected[i][j] * 4 / tokens, within(limit));
      }
    }
  }

  @Test
  void tokensCountAsTheyAreWeighed() {
    SecondMoments moments = new SecondMoments(1, 2, 0x1p-20);
    moments.add(new float[] {1, 2, 5, 5, 3, 0}, 3, new float[][] {{0.25f, 0, 0.75f}});
    assertThat(moments.weight(0)).isEqualTo(1);
    assertThat(moments.mean(0)).containsExactly(2.5, 0.5);
    assertThat(moments.moment(0)).isDeepEqualTo(new double[][] {{7, 0.5}, {0.5, 1}});
  }

  @Test
  void sumsThatCannotBeExactAreRefused() {
    SecondMoments moments = new SecondMoments(1, 2, 0x1p-20);
    assertThatThrownBy(() -> moments.add(new float[] {1e5f, 1e5f}, 1, null))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("added exactly")
        .hasMessageContaining("--calibration-proteins");
  }

  @Test
  void activationsThatAreNotNumbersAreRefused() {
    SecondMoments moments = new SecondMoments(1, 2, 0x1p-20);
    assertThatThrownBy(() -> moments.add(new float[] {Float.NaN, 1}, 1, null))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("NaN");
  }

  /** A head whose outputs W_o does not read weighs nothing: any coordinates do, but finite ones. */
  @Test
  void aHeadWithoutOutputsGivesFiniteTransforms() {
    float[] x = proteins(new Random(31)).get(0);
    int tokens = x.length / (HEADS * HEAD_DIM);
    double[][] grams = new double[HEADS][HEAD_DIM * HEAD_DIM];
    MomentAccumulator moments = new MomentAccumulator(HEADS, HEAD_DIM, true, true);
    moments.addProtein(x, x, x, TokenImportance.measure(grams, x, x, x, x, 1, tokens));
    List<CodecRecipe> recipes = new ArrayList<>(CodecRecipe.codecs());
    recipes.addAll(CodecRecipe.ablations());
    for (CodecRecipe recipe : recipes) {
      for (HeadTransform head : new TransformFit(recipe, moments).layer(grams).heads()) {
        for (AffineMap map : List.of(head.key(), head.query(), head.value(), head.output())) {
          for (float value : map.columns()) {
            assertThat(value).as(recipe.label()).isFinite();
          }
        }
      }
    }
  }

  private static List<float[]> proteins(Random random) {
    List<float[]> proteins = new ArrayList<>();
    for (int p = 0; p < PROTEINS; p++) {
      float[] protein = new float[(1 + random.nextInt(20)) * HEADS * HEAD_DIM];
      for (int i = 0; i < protein.length; i++) {
        protein[i] = (float) (random.nextGaussian() * Math.exp(random.nextGaussian()));
      }
      proteins.add(protein);
    }
    return proteins;
  }

  private static MomentAccumulator accumulate(List<float[]> proteins) {
    MomentAccumulator moments = new MomentAccumulator(HEADS, HEAD_DIM, true, true);
    proteins.forEach(protein -> add(moments, protein));
    return moments;
  }

  /** Queries are the given vectors, keys twice and values four times them. */
  private static void add(MomentAccumulator moments, float[] queries) {
    float[] keys = times(2, queries);
    float[] values = times(4, queries);
    double[][] grams = new double[HEADS][HEAD_DIM * HEAD_DIM];
    for (double[] gram : grams) {
      for (int c = 0; c < HEAD_DIM; c++) {
        gram[c * HEAD_DIM + c] = 1;
      }
    }
    int tokens = queries.length / (HEADS * HEAD_DIM);
    double squares = 0;
    for (float value : values) {
      squares += value * value;
    }
    moments.addProtein(
        queries,
        keys,
        values,
        TokenImportance.measure(grams, queries, keys, values, values, squares, tokens));
  }

  private static float[] times(float factor, float[] values) {
    float[] products = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      products[i] = factor * values[i];
    }
    return products;
  }
}
