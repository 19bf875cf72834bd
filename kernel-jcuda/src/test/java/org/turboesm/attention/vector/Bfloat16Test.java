package org.turboesm.attention.vector;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class Bfloat16Test {
  private static final long SEED = 20260101;

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 15, 16, 17, 31, 32, 33, 127})
  void roundsToTheNearestAndWidensExactly(int size) {
    SplittableRandom random = new SplittableRandom(SEED);
    float[] source = new float[size + 5];
    for (int i = 0; i < source.length; i++) {
      source[i] = Float.intBitsToFloat(random.nextInt() & 0xBFFFFFFF);
    }
    short[] rounded = new short[size + 2];
    float[] widened = new float[size + 1];
    Bfloat16.round(source, 5, size, rounded, 2);
    Bfloat16.widen(rounded, 2, size, widened, 1);
    for (int i = 0; i < size; i++) {
      float value = source[5 + i];
      int bits = Float.floatToRawIntBits(value);
      float below = Float.intBitsToFloat(bits & 0xFFFF0000);
      float above = Float.intBitsToFloat((bits & 0xFFFF0000) + 0x10000);
      double toBelow = Math.abs((double) value - below);
      double toAbove = Math.abs((double) above - value);
      boolean evenBelow = (bits & 0x10000) == 0;
      float nearest = toBelow < toAbove || toBelow == toAbove && evenBelow ? below : above;
      assertThat(widened[1 + i]).as("of %s, seed %d", value, SEED).isEqualTo(nearest);
    }
  }

  @Test
  void halfWayGoesToEven() {
    float[] source = {
      Float.intBitsToFloat(0x3F808000), Float.intBitsToFloat(0x3F818000), -0f, 1e38f
    };
    short[] rounded = new short[4];
    Bfloat16.round(source, 0, 4, rounded, 0);
    assertThat(rounded[0]).isEqualTo((short) 0x3F80);
    assertThat(rounded[1]).isEqualTo((short) 0x3F82);
    assertThat(rounded[2]).isEqualTo((short) 0x8000);
  }

  @Test
  void infinityAndNoNumberStayWhatTheyAre() {
    float[] source = new float[32];
    source[1] = Float.POSITIVE_INFINITY;
    source[2] = Float.NEGATIVE_INFINITY;
    source[3] = Float.NaN;
    short[] rounded = new short[32];
    float[] widened = new float[32];
    Bfloat16.round(source, 0, 32, rounded, 0);
    Bfloat16.widen(rounded, 0, 32, widened, 0);
    assertThat(widened[1]).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(widened[2]).isEqualTo(Float.NEGATIVE_INFINITY);
    assertThat(widened[3]).isNaN();
  }
}
