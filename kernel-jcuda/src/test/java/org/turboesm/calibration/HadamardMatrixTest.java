package org.turboesm.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HadamardMatrixTest {

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 8, 12, 16, 20, 24, 32, 48, 64, 128})
  void rowsAreOrthonormalAndAllEntriesOfOneMagnitude(int size) {
    double[][] matrix = HadamardMatrix.orthonormal(size);
    double[][] product = SymmetricMatrix.multiply(matrix, SymmetricMatrix.transpose(matrix));
    for (int i = 0; i < size; i++) {
      for (int j = 0; j < size; j++) {
        assertThat(Math.abs(matrix[i][j])).isCloseTo(1 / Math.sqrt(size), within(1e-15));
        assertThat(product[i][j]).isCloseTo(i == j ? 1 : 0, within(1e-12));
      }
    }
  }

  @Test
  void aSizeWithoutConstructionIsRefused() {
    assertThatThrownBy(() -> HadamardMatrix.orthonormal(10))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
