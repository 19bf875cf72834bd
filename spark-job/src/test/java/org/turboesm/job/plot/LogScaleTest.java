package org.turboesm.job.plot;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;

class LogScaleTest {

  @Test
  void ticksAreThePowersOfTwoAroundTheValues() {
    LogScale scale = LogScale.powersOfTwo(DoubleStream.of(48, 56, 512));

    assertThat(labels(scale)).containsExactly("32", "64", "128", "256", "512");
    assertThat(scale.ticks().get(0).position()).isEqualTo(5);
    assertThat(scale.lower()).isBetween(4.5, 5.0);
    assertThat(scale.upper()).isBetween(9.0, 9.5);
  }

  @Test
  void onePowerOfTwoHasItsNeighbours() {
    assertThat(labels(LogScale.powersOfTwo(DoubleStream.of(64))))
        .containsExactly("32", "64", "128");
  }

  @Test
  void fractionsAreWrittenOut() {
    assertThat(labels(LogScale.powersOfTwo(DoubleStream.of(0.25, 2))))
        .containsExactly("0.25", "0.5", "1", "2");
  }

  @Test
  void manyPowersAreNotAllLabelled() {
    LogScale scale = LogScale.powersOfTwo(DoubleStream.of(1, Math.scalb(1.0, 40)));

    assertThat(labels(scale))
        .containsExactly(
            "1", "16", "256", "4096", "65536", "1048576", "2^24", "2^28", "2^32", "2^36", "2^40");
    assertThat(scale.ticks()).hasSize(41);
  }

  @Test
  void positionsOfPowersOfTwoAreExact() {
    LogScale scale = LogScale.powersOfTwo(DoubleStream.of(1, 2));
    for (int exponent = -1022; exponent <= 1023; exponent++) {
      assertThat(scale.position(Math.scalb(1.0, exponent))).isEqualTo(exponent);
    }
  }

  @Test
  void subnormalValuesHaveAPosition() {
    LogScale scale = LogScale.powersOfTwo(DoubleStream.of(Double.MIN_VALUE, 1));
    assertThat(scale.position(Double.MIN_VALUE)).isEqualTo(-1074);
  }

  @Test
  void severalDecadesAreLabelledByDecade() {
    LogScale scale = LogScale.decades(DoubleStream.of(2e-4, 0.3));

    assertThat(labels(scale)).containsExactly("10^-3", "10^-2", "10^-1");
    assertThat(scale.ticks().stream().filter(tick -> !tick.labelled())).hasSizeGreaterThan(20);
  }

  @Test
  void oneDecadeIsLabelledInside() {
    assertThat(labels(LogScale.decades(DoubleStream.of(0.011, 0.09))))
        .containsExactly("10^-2", "2\u00d710^-2", "5\u00d710^-2", "10^-1");
  }

  @Test
  void valuesLieInsideAndTwoLabelsAtLeast() {
    long seed = 7;
    Random random = new Random(seed);
    for (int i = 0; i < 2000; i++) {
      double a = Math.pow(10, 24 * random.nextDouble() - 20);
      double b = i % 3 == 0 ? a : a * Math.pow(10, random.nextDouble() * (i % 5));
      LogScale scale = LogScale.decades(DoubleStream.of(a, b));
      String what = "seed " + seed + ": " + a + " to " + b;
      assertThat(labels(scale).size()).as(what).isBetween(2, 13);
      assertThat(scale.position(a)).as(what).isGreaterThanOrEqualTo(scale.lower());
      assertThat(scale.position(b)).as(what).isLessThanOrEqualTo(scale.upper());
    }
  }

  @Test
  void theLegendOfColoursEndsAtTheValues() {
    LogScale scale = LogScale.decadesWithoutMargin(DoubleStream.of(1e-5, 1e-2));

    assertThat(scale.lower()).isEqualTo(-5);
    assertThat(scale.upper()).isEqualTo(-2);
    assertThat(labels(scale)).containsExactly("10^-5", "10^-4", "10^-3", "10^-2");
  }

  private static List<String> labels(LogScale scale) {
    return scale.ticks().stream()
        .filter(LogScale.Tick::labelled)
        .map(
            tick -> tick.exponent().isEmpty() ? tick.label() : tick.label() + "^" + tick.exponent())
        .toList();
  }
}
