package org.turboesm.attention;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class AttentionStateTest {
  private static final int HEAD_DIM = 16;

  @Property(seed = "1", tries = 500)
  void mergingPartsInAnySplitAndOrderGivesTheWhole(
      @ForAll @IntRange(min = 1, max = 300) int tokens,
      @ForAll @IntRange(min = 1, max = 12) int parts,
      @ForAll long seed) {
    Tokens all = new Tokens(tokens, 3, seed);

    assertEqual(all.merged(parts, new Random(seed)), all.expected(), all.limit(parts));
  }

  @Property(seed = "2", tries = 200)
  void extremeLogitsDoNotOverflow(
      @ForAll @IntRange(min = 2, max = 40) int tokens,
      @ForAll @IntRange(min = 1, max = 6) int parts,
      @ForAll long seed) {
    Tokens all = new Tokens(tokens, 1, seed);
    Random random = new Random(seed);
    for (int t = 0; t < tokens; t++) {
      all.logits[t] = random.nextBoolean() ? 1e4f : -1e4f;
    }

    assertEqual(all.merged(parts, random), all.expected(), all.limit(parts));
  }

  @Test
  void logitsFarBelowZeroStillWeighAgainstEachOther() {
    Tokens tokens = new Tokens(2, 1, 3);
    tokens.logits[0] = -1e4f;
    tokens.logits[1] = -1e4f - 1;

    assertEqual(tokens.merged(2, new Random(3)), tokens.expected(), tokens.limit(2));
  }

  @Test
  void mergingTheEmptyStateChangesNothing() {
    Tokens tokens = new Tokens(10, 3, 4);
    AttentionState state = tokens.state(0, 10);
    float[] before = written(state);

    state.merge(new AttentionState(HEAD_DIM));

    assertThat(written(state)).containsExactly(before);
  }

  @Test
  void mergingIntoTheEmptyStateGivesTheOther() {
    AttentionState state = new AttentionState(HEAD_DIM);
    AttentionState other = new Tokens(10, 3, 5).state(0, 10);

    state.merge(other);

    assertThat(written(state)).containsExactly(written(other));
  }

  @Test
  void mergingTwoEmptyStatesStaysEmpty() {
    AttentionState state = new AttentionState(HEAD_DIM);
    state.merge(new AttentionState(HEAD_DIM));
    AttentionState tokens = new Tokens(5, 3, 6).state(0, 5);

    state.merge(tokens);

    assertThat(written(state)).containsExactly(written(tokens));
  }

  @Test
  void mergingLeavesTheOtherStateAsItWas() {
    Tokens tokens = new Tokens(20, 3, 7);
    AttentionState other = tokens.state(10, 20);
    float[] before = written(other);

    tokens.state(0, 10).merge(other);

    assertThat(written(other)).containsExactly(before);
  }

  @Test
  void resetForgetsEverything() {
    Tokens tokens = new Tokens(20, 3, 8);
    AttentionState state = tokens.state(0, 10);

    state.reset();
    state.merge(tokens.state(10, 20));

    assertThat(written(state)).containsExactly(written(tokens.state(10, 20)));
  }

  @Test
  void raisingToASmallerMaximumKeepsTheLarger() {
    AttentionState state = new AttentionState(HEAD_DIM);

    assertThat(state.raiseMax(2)).isEqualTo(2);
    assertThat(state.raiseMax(-5)).isEqualTo(2);
    assertThat(state.raiseMax(3)).isEqualTo(3);
  }

  @Test
  void writesFromTheOffsetOn() {
    AttentionState state = new Tokens(3, 3, 9).state(0, 3);
    float[] target = new float[HEAD_DIM + 4];

    state.write(target, 3);

    assertThat(target).startsWith(0, 0, 0).endsWith(0);
    assertThat(Arrays.copyOfRange(target, 3, 3 + HEAD_DIM)).containsExactly(written(state));
  }

  private static float[] written(AttentionState state) {
    float[] target = new float[HEAD_DIM];
    state.write(target, 0);
    return target;
  }

  private static void assertEqual(AttentionState state, double[] expected, double limit) {
    float[] written = written(state);
    for (int c = 0; c < HEAD_DIM; c++) {
      assertThat((double) written[c]).isCloseTo(expected[c], Offset.offset(limit));
    }
  }

  /** Random logits and values, in [-1, 1], of one query. */
  private static final class Tokens {
    private final float[] logits;
    private final float[][] values;

    Tokens(int tokens, double spread, long seed) {
      Random random = new Random(seed);
      logits = new float[tokens];
      values = new float[tokens][HEAD_DIM];
      for (int t = 0; t < tokens; t++) {
        logits[t] = (float) (spread * random.nextGaussian());
        for (int c = 0; c < HEAD_DIM; c++) {
          values[t][c] = 2 * random.nextFloat() - 1;
        }
      }
    }

    AttentionState state(int from, int to) {
      AttentionState state = new AttentionState(HEAD_DIM);
      float max = Float.NEGATIVE_INFINITY;
      for (int t = from; t < to; t++) {
        max = Math.max(max, logits[t]);
      }
      max = state.raiseMax(max);
      for (int t = from; t < to; t++) {
        float weight = (float) Math.exp(logits[t] - max);
        state.addDenominator(weight);
        for (int c = 0; c < HEAD_DIM; c++) {
          state.output()[c] += weight * values[t][c];
        }
      }
      return state;
    }

    /** Random cuts, some parts perhaps empty, merged in a random order. */
    AttentionState merged(int parts, Random random) {
      int[] cuts = random.ints(parts - 1, 0, logits.length + 1).sorted().toArray();
      List<AttentionState> states = new ArrayList<>();
      int from = 0;
      for (int p = 0; p < parts; p++) {
        int to = p < cuts.length ? cuts[p] : logits.length;
        states.add(from == to ? new AttentionState(HEAD_DIM) : state(from, to));
        from = to;
      }
      Collections.shuffle(states, random);
      AttentionState merged = states.get(0);
      states.subList(1, parts).forEach(merged::merge);
      return merged;
    }

    double[] expected() {
      double max = Double.NEGATIVE_INFINITY;
      for (float logit : logits) {
        max = Math.max(max, logit);
      }
      double denominator = 0;
      double[] sum = new double[HEAD_DIM];
      for (int t = 0; t < logits.length; t++) {
        double weight = Math.exp(logits[t] - max);
        denominator += weight;
        for (int c = 0; c < HEAD_DIM; c++) {
          sum[c] += weight * values[t][c];
        }
      }
      for (int c = 0; c < HEAD_DIM; c++) {
        sum[c] /= denominator;
      }
      return sum;
    }

    /**
     * Numerator and denominator each take a rounding for every token summed (n), and for every
     * merge two of the sum and one each of the scale, its product, and the difference of maxima.
     * That difference, where its exponential matters at all, is below 32: 32 roundings. Values are
     * at most 1, so the quotient is off by twice that.
     */
    double limit(int parts) {
      return 2 * 0x1p-24 * (logits.length + parts * (5 + 32));
    }
  }
}
