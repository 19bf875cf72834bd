package org.turboesm.calibration;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class Float8Test {

  @Test
  void holdsTheNumbersOfTheFormat() {
    ScalarQuantizer quantizer = Float8.quantizer(448);
    assertThat(quantizer.centroids())
        .hasSize(256)
        .isSorted()
        // The smallest subnormal and normal numbers, one, its neighbours, and the largest.
        .contains(0x1p-9, 0x1p-6, 1, 1.125, 0.9375, 416, 448, -448, 0)
        .doesNotContain(1.0625, 480);
  }

  @Test
  void theLargestNumberIsWhatIsAskedFor() {
    assertThat(Float8.quantizer(7).centroids()[255]).isEqualTo(7);
  }

  @Test
  void subnormalsStepByTheSmallestNumber() {
    double[] centroids = Float8.quantizer(448).centroids();
    // Both zeros are in the middle; seven subnormals follow, and the smallest normal number.
    for (int i = 0; i <= 8; i++) {
      assertThat(centroids[128 + i]).isEqualTo(i * 0x1p-9);
    }
  }
}
