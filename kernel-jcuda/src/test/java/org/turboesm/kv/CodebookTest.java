package org.turboesm.kv;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class CodebookTest {

  @Property(seed = "1", tries = 1000)
  void codeIsTheNumberOfThresholdsBelow(
      @ForAll @IntRange(max = 8) int bits, @ForAll long seed, @ForAll float value) {
    float[] thresholds = randomThresholds(seed, bits, 1 << 20);
    Codebook codebook = oneChannel(bits, thresholds);

    assertThat(codebook.code(0, value)).isEqualTo(plainCount(thresholds, value));
  }

  @Property(seed = "2", tries = 500)
  void valueOnAThresholdBelongsBelowItEvenWhereSeveralThresholdsAreEqual(
      @ForAll @IntRange(min = 1, max = 8) int bits, @ForAll long seed) {
    float[] thresholds = randomThresholds(seed, bits, 4);
    Codebook codebook = oneChannel(bits, thresholds);

    for (float threshold : thresholds) {
      for (float value :
          new float[] {Math.nextDown(threshold), threshold, Math.nextUp(threshold)}) {
        assertThat(codebook.code(0, value))
            .as("value %s", value)
            .isEqualTo(plainCount(thresholds, value));
      }
    }
  }

  @Property(seed = "3", tries = 200)
  void infinitiesHaveTheOutermostCodes(@ForAll @IntRange(max = 8) int bits, @ForAll long seed) {
    Codebook codebook = oneChannel(bits, randomThresholds(seed, bits, 1 << 20));

    assertThat(codebook.code(0, Float.NEGATIVE_INFINITY)).isZero();
    assertThat(codebook.code(0, Float.POSITIVE_INFINITY)).isEqualTo((1 << bits) - 1);
  }

  @Property(seed = "4", tries = 200)
  void notANumberHasCodeZero(@ForAll @IntRange(max = 8) int bits, @ForAll long seed) {
    assertThat(oneChannel(bits, randomThresholds(seed, bits, 1 << 20)).code(0, Float.NaN)).isZero();
  }

  @Test
  void infiniteThresholdIsNotBelowInfinity() {
    Codebook codebook =
        oneChannel(2, new float[] {Float.NEGATIVE_INFINITY, 0, Float.POSITIVE_INFINITY});

    assertThat(codebook.code(0, Float.POSITIVE_INFINITY)).isEqualTo(2);
    assertThat(codebook.code(0, Float.NEGATIVE_INFINITY)).isZero();
    assertThat(codebook.code(0, -Float.MAX_VALUE)).isEqualTo(1);
  }

  @Test
  void negativeZeroIsNotAboveZero() {
    Codebook codebook = oneChannel(1, new float[] {0f});

    assertThat(codebook.code(0, -0f)).isZero();
    assertThat(codebook.code(0, 0f)).isZero();
    assertThat(codebook.code(0, Float.MIN_VALUE)).isEqualTo(1);
  }

  @Test
  void channelOfZeroBitsHasOneCodeForEverything() {
    Codebook codebook = new Codebook(new int[] {0}, new float[][] {{0.5f}}, new float[][] {{}});

    assertThat(codebook.code(0, 1e30f)).isZero();
    assertThat(codebook.centroid(0, 0)).isEqualTo(0.5f);
  }

  @Test
  void channelsOfDifferentWidthsKeepTheirOwnTables() {
    SplittableRandom random = new SplittableRandom(5);
    int[] bits = {8, 0, 1, 3, 0, 8};
    float[][] centroids = new float[bits.length][];
    float[][] thresholds = new float[bits.length][];
    for (int c = 0; c < bits.length; c++) {
      centroids[c] = RandomCodec.floats(random, 1 << bits[c]);
      thresholds[c] = randomThresholds(c, bits[c], 1 << 20);
    }
    Codebook codebook = new Codebook(bits, centroids, thresholds);

    for (int c = 0; c < bits.length; c++) {
      for (int code = 0; code < 1 << bits[c]; code++) {
        assertThat(codebook.centroid(c, code)).isEqualTo(centroids[c][code]);
      }
      for (float value : RandomCodec.floats(random, 100)) {
        assertThat(codebook.code(c, value)).isEqualTo(plainCount(thresholds[c], value));
      }
    }
  }

  @Test
  void eachChannelsThresholdsAreClosedByInfinity() {
    Codebook codebook =
        new Codebook(
            new int[] {1, 0, 1},
            new float[][] {{1, 2}, {3}, {4, 5}},
            new float[][] {{1.5f}, {}, {4.5f}});

    assertThat(Arrays.copyOf(codebook.thresholds(), codebook.size()))
        .containsExactly(
            1.5f, Float.POSITIVE_INFINITY, Float.POSITIVE_INFINITY, 4.5f, Float.POSITIVE_INFINITY);
    assertThat(Arrays.copyOf(codebook.centroids(), codebook.size())).containsExactly(1, 2, 3, 4, 5);
    assertThat(codebook.offset(2)).isEqualTo(3);
  }

  @Test
  void bytesAreThoseOfTheCentroids() {
    Codebook codebook = RandomCodec.codebook(new SplittableRandom(6), new int[] {3, 3, 0, 8});

    assertThat(codebook.bytes()).isEqualTo((8 + 8 + 1 + 256) * 4);
  }

  @Test
  void tablesOfEqualContentAreEqual() {
    Codebook one = RandomCodec.codebook(new SplittableRandom(7), new int[] {3, 2});
    Codebook same = RandomCodec.codebook(new SplittableRandom(7), new int[] {3, 2});
    Codebook other = RandomCodec.codebook(new SplittableRandom(8), new int[] {3, 2});

    assertThat(one).isEqualTo(same).hasSameHashCodeAs(same).isNotEqualTo(other);
  }

  @Test
  void descendingThresholdsAreRefused() {
    assertThatThrownBy(() -> oneChannel(2, new float[] {0, 2, 1}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("channel 0: thresholds do not ascend");
  }

  @Test
  void thresholdThatIsNotANumberIsRefused() {
    assertThatThrownBy(() -> oneChannel(1, new float[] {Float.NaN}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("channel 0: thresholds do not ascend");
    assertThatThrownBy(() -> oneChannel(2, new float[] {0, Float.NaN, 1}))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void widthBeyondEightBitsIsRefused() {
    assertThatThrownBy(() -> new Codebook(new int[] {9}, new float[1][512], new float[1][511]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("channel 0 has 9 bits");
  }

  @Test
  void tablesOfAnotherSizeThanTheWidthSaysAreRefused() {
    assertThatThrownBy(() -> new Codebook(new int[] {2}, new float[1][8], new float[1][3]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("channel 0 of 2 bits has 8 centroids and 3 thresholds");
    assertThatThrownBy(() -> new Codebook(new int[] {2}, new float[1][4], new float[1][4]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("channel 0 of 2 bits has 4 centroids and 4 thresholds");
  }

  private static Codebook oneChannel(int bits, float[] thresholds) {
    return new Codebook(
        new int[] {bits}, new float[][] {new float[1 << bits]}, new float[][] {thresholds});
  }

  /** Sorted; with few levels, many are equal. */
  private static float[] randomThresholds(long seed, int bits, int levels) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] thresholds = new float[(1 << bits) - 1];
    for (int i = 0; i < thresholds.length; i++) {
      thresholds[i] = (random.nextInt(2 * levels + 1) - levels) * 3f / levels;
    }
    Arrays.sort(thresholds);
    return thresholds;
  }

  private static int plainCount(float[] thresholds, float value) {
    int count = 0;
    for (float threshold : thresholds) {
      if (threshold < value) {
        count++;
      }
    }
    return count;
  }
}
