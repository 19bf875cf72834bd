package org.turboesm.engine.reference;

import static org.assertj.core.api.Assertions.assertThat;

import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GeluTest {

  /** Abramowitz and Stegun, table 7.1, and the same computed to more digits. */
  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "0.1, 0.1124629160182849",
    "0.5, 0.5204998778130465",
    "1, 0.8427007929497149",
    "1.5, 0.9661051464753108",
    "2, 0.9953222650189527",
    "2.5, 0.9995930479825550",
    "3, 0.9999779095030014",
    "4, 0.9999999845827421",
    "5, 0.9999999999984626",
    "6, 1",
    "100, 1"
  })
  void errorFunctionHasItsKnownValues(double x, double expected) {
    assertThat(Gelu.erf(x)).isCloseTo(expected, Offset.offset(1e-15));
    assertThat(Gelu.erf(-x)).isCloseTo(-expected, Offset.offset(1e-15));
  }

  @Test
  void errorFunctionIsTheIntegralOfItsDensityOverBothOfItsForms() {
    // Simpson's rule: with h = 1/1024 its error is below h^4 / 180 * max|f''''| * x = 3e-13.
    double step = 1.0 / 1024;
    double integral = 0;
    for (double x = 0; x < 6; x += step) {
      integral += step / 6 * (density(x) + 4 * density(x + step / 2) + density(x + step));
      assertThat(Gelu.erf(x + step))
          .as("erf(%s)", x + step)
          .isCloseTo(integral, Offset.offset(3e-13));
    }
  }

  @Test
  void errorFunctionHasItsLimits() {
    assertThat(Gelu.erf(Double.POSITIVE_INFINITY)).isEqualTo(1);
    assertThat(Gelu.erf(Double.NEGATIVE_INFINITY)).isEqualTo(-1);
    assertThat(Gelu.erf(Double.NaN)).isNaN();
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "1, 0.8413447460685429",
    "-1, -0.15865525393145707",
    "2, 1.9544997361036416",
    "-2, -0.04550026389635842",
    "3, 2.99595030590511",
    "10, 10"
  })
  void geluHasItsKnownValues(double x, double expected) {
    assertThat(Gelu.exact(x)).isCloseTo(expected, Offset.offset(2e-15));
  }

  @Test
  void geluVanishesFarBelowZero() {
    assertThat(Gelu.exact(-10)).isCloseTo(0, Offset.offset(1e-15));
    assertThat(Gelu.exact(-1e30)).isCloseTo(0, Offset.offset(1e-15));
  }

  private static double density(double x) {
    return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x);
  }
}
