package org.turboesm.fidelity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class LogitAgreementTest {
  private static final double LN3 = Math.log(3);

  @Test
  void divergenceIsThatOfTheDistributions() {
    // p = (3/4, 1/4), q = (1/4, 3/4): KL = (3/4 - 1/4) ln 3. A shift of all logits changes nothing.
    float[] p = {(float) LN3, 0};
    float[] q = {5, (float) (5 + LN3)};
    LogitAgreement agreement = new LogitAgreement();
    agreement.add(p, q, 0, 2);
    assertThat(agreement.meanDivergence()).isCloseTo(0.5 * LN3, within(1e-6));
    assertThat(agreement.top1()).isZero();
  }

  @Test
  void equalLogitsAgree() {
    float[] logits = {1, 2, 3, 9, 8, 7};
    LogitAgreement agreement = new LogitAgreement();
    agreement.add(logits, logits, 0, 3);
    agreement.add(logits, logits, 1, 3);
    assertThat(agreement.meanDivergence()).isZero();
    assertThat(agreement.top1()).isEqualTo(1);
  }

  @Test
  void agreementIsAShareOfRows() {
    LogitAgreement agreement = new LogitAgreement();
    float[] a = {1, 0, 1, 0};
    float[] b = {1, 0, 0, 1};
    agreement.add(a, b, 0, 2);
    agreement.add(a, b, 1, 2);
    assertThat(agreement.top1()).isEqualTo(0.5);
  }

  @Test
  void largeLogitsDoNotOverflow() {
    assertThat(LogitAgreement.logSoftmax(new float[] {3e38f, 0}, 0, 2)[0]).isZero();
  }
}
