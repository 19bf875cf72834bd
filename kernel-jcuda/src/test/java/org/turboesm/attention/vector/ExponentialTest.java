package org.turboesm.attention.vector;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ExponentialTest {
  /** The bound that the class states, against exp in double. */
  private static final double RELATIVE_LIMIT = 2e-7;

  @Test
  void isExpToItsStatedError() {
    double worst = 0;
    for (float x = -87f; x < 88f; x += 0.001f) {
      double expected = Math.exp(x);
      worst = Math.max(worst, Math.abs(exp(x) - expected) / expected);
    }
    assertThat(worst).isLessThan(RELATIVE_LIMIT);
  }

  @Test
  void isOneAtZero() {
    assertThat(exp(0f)).isEqualTo(1f);
  }

  @Test
  void isZeroFarBelow() {
    assertThat(exp(-87.001f)).isZero();
    assertThat(exp(-1e30f)).isZero();
    assertThat(exp(Float.NEGATIVE_INFINITY)).isZero();
  }

  @Test
  void keepsNotANumber() {
    assertThat(exp(Float.NaN)).isNaN();
  }

  @Test
  void sumsOfLanesArePairwise() {
    float[] lanes = new float[Lanes.COUNT];
    double expected = 0;
    for (int i = 0; i < lanes.length; i++) {
      lanes[i] = i + 0.5f;
      expected += lanes[i];
    }
    assertThat(Lanes.sum(Lanes.load(lanes, 0), new float[Lanes.COUNT])).isEqualTo((float) expected);
  }

  private static float exp(float x) {
    return Exponential.of(Lanes.broadcast(x)).lane(0);
  }
}
