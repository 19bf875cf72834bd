package org.turboesm.fidelity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PositionComparisonTest {
  @ParameterizedTest
  @CsvSource({
    "1, 1",
    "2, 1 1",
    "3, 1 2",
    "4, 1 2 1",
    "7, 1 2 4",
    "8, 1 2 4 1",
    "33, 1 2 4 8 16 2",
  })
  void binsDouble(int length, String filled) {
    long[] expected =
        Arrays.copyOf(
            Arrays.stream(filled.split(" ")).mapToLong(Long::parseLong).toArray(),
            PositionComparison.BINS);
    PositionComparison comparison = new PositionComparison();
    IntStream.rangeClosed(1, length).forEach(position -> comparison.add(position, 1));
    assertThat(comparison.result().tokens()).containsExactly(expected);
  }

  @Test
  void aBinHasTheMeanOfItsOwn() {
    PositionComparison comparison = new PositionComparison();
    // Eighths, so that sums and means are exact.
    double[] cosines = {0.875, 0.75, 0.5, 0.125, 0.25, 0.375, 0.25};
    for (int i = 0; i < cosines.length; i++) {
      comparison.add(i + 1, cosines[i]);
    }
    double[] expected = new double[PositionComparison.BINS];
    Arrays.fill(expected, Double.NaN);
    expected[0] = 0.875;
    expected[1] = 0.625;
    expected[2] = 0.25;
    assertThat(comparison.result().cosineMean()).containsExactly(expected);
  }

  @Test
  void theLastBinHoldsAllFromItsStartOn() {
    PositionComparison comparison = new PositionComparison();
    comparison.add((1 << 13) - 1, 1);
    comparison.add(1 << 13, 1);
    comparison.add(1 << 14, 1);
    comparison.add(Integer.MAX_VALUE, 1);
    assertThat(comparison.result().tokens()).endsWith(0, 1, 3);
  }

  @Test
  void positionsStartAtOne() {
    assertThatThrownBy(() -> new PositionComparison().add(0, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("position 0");
  }
}
