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
      parts.add(new MomentAccumulator(HEADS, HEAD_DIM));
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
    // Half a quantum a protein, of 2^-20, over the tokens; at least one token a protein.
    double limit = 0x1p-21;
    for (int i = 0; i < HEAD_DIM; i++) {
      assertThat(moments.keyMean(head)[i]).isCloseTo(mean[i] / tokens, within(limit));
      for (int j = 0; j < HEAD_DIM; j++) {
        assertThat(moments.keyMoment(head)[i][j]).isCloseTo(expected[i][j] / tokens, within(limit));
        assertThat(moments.queryMoment(head)[i][j])
            .isCloseTo(expected[i][j] / 4 / tokens, within(limit));
        assertThat(moments.valueMoment(head)[i][j])
            .isCloseTo(expected[i][j] * 4 / tokens, within(limit));
      }
    }
  }

  @Test
  void sumsThatCannotBeExactAreRefused() {
    MomentAccumulator moments = new MomentAccumulator(1, 2);
    float[] huge = {1e5f, 1e5f};
    assertThatThrownBy(() -> moments.addProtein(huge, huge, huge, 1))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("added exactly")
        .hasMessageContaining("--calibration-proteins");
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
    MomentAccumulator moments = new MomentAccumulator(HEADS, HEAD_DIM);
    proteins.forEach(protein -> add(moments, protein));
    return moments;
  }

  /** Queries are the given vectors, keys twice and values four times them. */
  private static void add(MomentAccumulator moments, float[] queries) {
    moments.addProtein(
        queries, times(2, queries), times(4, queries), queries.length / (HEADS * HEAD_DIM));
  }

  private static float[] times(float factor, float[] values) {
    float[] products = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      products[i] = factor * values[i];
    }
    return products;
  }
}
