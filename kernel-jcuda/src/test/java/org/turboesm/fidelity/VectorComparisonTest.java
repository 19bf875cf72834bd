package org.turboesm.fidelity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.turboesm.engine.RowErrors;

class VectorComparisonTest {
  @Test
  void equalRowsHaveCosineOneAndNoError() {
    float[] rows = {1, 2, 3, 4};
    VectorComparison comparison = compared(rows, rows, 2);
    assertThat(comparison.meanCosine()).isCloseTo(1, within(1e-15));
    assertThat(comparison.nmse()).isZero();
  }

  @Test
  void cosineIsBlindToLengthAndNmseIsNot() {
    VectorComparison comparison = compared(new float[] {3, 4}, new float[] {6, 8}, 2);
    assertThat(comparison.meanCosine()).isCloseTo(1, within(1e-15));
    assertThat(comparison.nmse()).isEqualTo(1);
  }

  @Test
  void nmseIsOfAllRowsTogether() {
    VectorComparison comparison = compared(new float[] {1, 0, 0, 3}, new float[] {0, 0, 0, 3}, 2);
    assertThat(comparison.nmse()).isCloseTo(0.1, within(1e-15));
  }

  @Test
  void errorsOfRowsThatAreKnownAddUpToTheSame() {
    float[] reference = {1, 0, 0, 3};
    float[] actual = {0, 0, 0, 3};
    VectorComparison comparison = new VectorComparison(2);
    RowErrors errors = RowErrors.of(reference, actual, 2);
    comparison.addError(errors, 0);
    comparison.addError(errors, 1);
    assertThat(errors.squaredError()).containsExactly(1, 0);
    assertThat(errors.squaredReference()).containsExactly(1, 9);
    assertThat(comparison.nmse()).isEqualTo(0.1);
    assertThat(comparison.squaredReference()).isEqualTo(10);
  }

  @Test
  void rowsOfZerosEqualOnlyZeros() {
    assertThat(VectorComparison.cosine(new float[2], new float[2], 0, 2)).isEqualTo(1);
    assertThat(VectorComparison.cosine(new float[2], new float[] {1, 0}, 0, 2)).isZero();
  }

  @Test
  void percentilesAreNearestRanks() {
    DoubleSamples samples = new DoubleSamples();
    for (int i = 200; i >= 1; i--) {
      samples.add(i);
    }
    assertThat(samples.percentile(0)).isEqualTo(1);
    assertThat(samples.percentile(0.01)).isEqualTo(2);
    assertThat(samples.percentile(1)).isEqualTo(200);
    assertThat(samples.mean()).isEqualTo(100.5);
  }

  @Test
  void noSamplesHaveNoFigures() {
    assertThat(new DoubleSamples().mean()).isNaN();
    assertThat(new DoubleSamples().percentile(0.5)).isNaN();
  }

  private static VectorComparison compared(float[] reference, float[] actual, int size) {
    VectorComparison comparison = new VectorComparison(size);
    for (int offset = 0; offset < reference.length; offset += size) {
      comparison.addCosine(reference, actual, offset);
      comparison.addError(reference, actual, offset);
    }
    return comparison;
  }

  @Test
  void withoutRowsThereIsNoError() {
    assertThat(new VectorComparison(2).nmse()).isNaN();
  }
}
