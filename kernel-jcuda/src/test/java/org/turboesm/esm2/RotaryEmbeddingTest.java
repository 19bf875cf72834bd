package org.turboesm.esm2;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.engine.reference.ReferenceOperators;

class RotaryEmbeddingTest {
  private static final int HEADS = 2;
  private static final EsmOperators OPERATORS = new ReferenceOperators();

  @ParameterizedTest
  @ValueSource(ints = {2, 16, 24, 32, 64, 128})
  void rotatesChannelsHalfAHeadApartByTheirAngle(int headDim) {
    int tokens = 50;
    float[] frequency = RotaryEmbedding.inverseFrequency(headDim, 10000f);
    float[] x = random(headDim, tokens * HEADS * headDim);
    float[] rotated = x.clone();

    new RotaryEmbedding(frequency).apply(rotated, whole(tokens), HEADS, 0.5f, OPERATORS);

    for (int t = 0; t < tokens; t++) {
      for (int h = 0; h < HEADS; h++) {
        for (int i = 0; i < headDim / 2; i++) {
          int a = (t * HEADS + h) * headDim + i;
          int b = a + headDim / 2;
          double angle = t * Math.pow(10000, -2.0 * i / headDim);
          // Frequency and angle are rounded to float, 3 roundings of an angle up to t; the sum of
          // two products is off by less than 3 roundings of its largest possible value.
          double limit = 0x1p-24 * (3 * angle + 3) * 0.5 * (Math.abs(x[a]) + Math.abs(x[b]));
          assertThat((double) rotated[a])
              .isCloseTo(
                  0.5 * (x[a] * Math.cos(angle) - x[b] * Math.sin(angle)), Offset.offset(limit));
          assertThat((double) rotated[b])
              .isCloseTo(
                  0.5 * (x[b] * Math.cos(angle) + x[a] * Math.sin(angle)), Offset.offset(limit));
        }
      }
    }
  }

  @Test
  void positionZeroIsOnlyScaled() {
    float[] x = random(1, HEADS * 16);
    float[] rotated = x.clone();

    rotary(16).apply(rotated, whole(1), HEADS, 0.25f, OPERATORS);

    for (int i = 0; i < x.length; i++) {
      assertThat(rotated[i]).isEqualTo(x[i] * 0.25f);
    }
  }

  @Test
  void everySequenceOfABatchStartsAnew() {
    float[] one = random(2, 3 * HEADS * 16);
    float[] both = new float[2 * one.length];
    System.arraycopy(one, 0, both, 0, one.length);
    System.arraycopy(one, 0, both, one.length, one.length);
    RotaryEmbedding rotary = rotary(16);

    rotary.apply(one, whole(3), HEADS, 1f, OPERATORS);
    rotary.apply(both, TokenBatch.of(List.of(new int[3], new int[3])), HEADS, 1f, OPERATORS);

    assertThat(both).startsWith(one).endsWith(one);
  }

  @Test
  void decodedTokenStandsAtItsPosition() {
    int vector = HEADS * 16;
    float[] protein = random(3, 40 * vector);
    float[] last = Arrays.copyOfRange(protein, 39 * vector, 40 * vector);
    RotaryEmbedding rotary = rotary(16);

    rotary.apply(
        last,
        new TokenBatch(new int[1], new int[] {0, 1}, new int[] {39}, new float[1]),
        HEADS,
        1f,
        OPERATORS);
    rotary.apply(protein, whole(40), HEADS, 1f, OPERATORS);

    assertThat(protein).endsWith(last);
  }

  @Test
  void tableThatGrewGivesTheSameAngles() {
    float[] x = random(4, 200 * HEADS * 16);
    float[] grown = x.clone();
    float[] atOnce = x.clone();
    RotaryEmbedding rotary = rotary(16);
    for (int tokens = 1; tokens < 200; tokens += 7) {
      rotary.apply(new float[tokens * HEADS * 16], whole(tokens), HEADS, 1f, OPERATORS);
    }

    rotary.apply(grown, whole(200), HEADS, 1f, OPERATORS);
    rotary(16).apply(atOnce, whole(200), HEADS, 1f, OPERATORS);

    assertThat(grown).containsExactly(atOnce);
  }

  private static RotaryEmbedding rotary(int headDim) {
    return new RotaryEmbedding(RotaryEmbedding.inverseFrequency(headDim, 10000f));
  }

  private static TokenBatch whole(int tokens) {
    return TokenBatch.of(List.of(new int[tokens]));
  }

  private static float[] random(long seed, int size) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] x = new float[size];
    for (int i = 0; i < size; i++) {
      x[i] = (float) random.nextGaussian();
    }
    return x;
  }
}
