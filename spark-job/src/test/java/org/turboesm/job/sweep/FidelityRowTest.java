package org.turboesm.job.sweep;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class FidelityRowTest {

  @Test
  void theLabelHasFractionsOnlyWhereTheyAre() {
    assertThat(new SweepRow().codec("paper-sign", 3).row().label()).isEqualTo("paper-sign K3 V3");
    assertThat(new SweepRow().bits(2.125, 4).row().label()).isEqualTo("default K2.125 V4");
  }
}
