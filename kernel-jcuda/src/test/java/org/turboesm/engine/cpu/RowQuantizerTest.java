package org.turboesm.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RowQuantizerTest {
  private static final long SEED = 20260101;

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 15, 16, 17, 31, 32, 33, 127, 1280})
  void everyValueIsTheNearestStep(int size) {
    SplittableRandom random = new SplittableRandom(SEED);
    float[] source = new float[size + 3];
    for (int i = 0; i < source.length; i++) {
      source[i] = (float) (random.nextDouble() * 6 - 3);
    }
    byte[] target = new byte[size];
    float scale = RowQuantizer.quantize(source, 3, size, 127, 0, target);
    double largest = 0;
    for (int i = 0; i < size; i++) {
      largest = Math.max(largest, Math.abs(source[i + 3]));
    }
    assertThat((double) scale).isCloseTo(largest / 127, within(1e-6 * largest));
    for (int i = 0; i < size; i++) {
      // Half a step, and what the rounding of the scale and of its inverse moves: 127 steps of
      // 2^-23.
      assertThat((double) target[i] * scale)
          .as("value %d, seed %d", i, SEED)
          .isCloseTo(source[i + 3], within(0.5 * scale * 1.0001));
    }
  }

  @Test
  void shiftedValuesAreTheUnshiftedOnesMoved() {
    float[] source = new float[70];
    for (int i = 0; i < source.length; i++) {
      source[i] = (i - 35) * 0.01f;
    }
    byte[] plain = new byte[70];
    byte[] shifted = new byte[70];
    float scale = RowQuantizer.quantize(source, 0, 70, 63, 0, plain);
    assertThat(RowQuantizer.quantize(source, 0, 70, 63, 64, shifted)).isEqualTo(scale);
    for (int i = 0; i < 70; i++) {
      assertThat(Byte.toUnsignedInt(shifted[i])).isEqualTo(plain[i] + 64).isBetween(1, 127);
    }
  }

  @Test
  void halvesGoToTheEvenStep() {
    float[] source = {127, 0.5f, 1.5f, -0.5f, -1.5f, 2.5f};
    byte[] target = new byte[6];
    RowQuantizer.quantize(source, 0, 6, 127, 0, target);
    assertThat(target).containsExactly(127, 0, 2, 0, -2, 2);
  }

  @ParameterizedTest
  @ValueSource(floats = {0f, 1e-40f, 1e-32f})
  void rowOfNothingIsZeros(float value) {
    float[] source = new float[40];
    source[17] = value;
    byte[] target = new byte[40];
    float scale = RowQuantizer.quantize(source, 0, 40, 127, 0, target);
    assertThat(target).containsOnly(0);
    assertThat(scale).isBetween(0f, 1e-30f);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 20, 39})
  void scaleOfARowWithNoNumberIsNone(int position) {
    float[] source = new float[40];
    source[3] = 2;
    source[position] = Float.NaN;
    assertThat(RowQuantizer.quantize(source, 0, 40, 127, 0, new byte[40])).isNaN();
  }
}
