package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.cuda.LaunchConfig;

class RowTilingTest {

  @ParameterizedTest
  @ValueSource(ints = {640, 1280, 2560, 5120, 20480})
  void everyThreadOfTheLargerModelsHasFivePieces(int width) {
    RowTiling tiling = RowTiling.of(width, 4);
    assertThat(tiling.piece() * tiling.warps() * 32 * 5).isEqualTo(width);
  }

  @ParameterizedTest
  @CsvSource({"33, 8, 1", "34, 8, 1", "36, 8, 4", "36, 4, 4", "40, 8, 8", "40, 4, 4", "1, 4, 1"})
  void piecesDivideTheRow(int width, int widestPiece, int piece) {
    assertThat(RowTiling.of(width, widestPiece).piece()).isEqualTo(piece);
  }

  @ParameterizedTest
  @CsvSource({"64, 1", "64, 8", "64, 9", "1280, 1", "1280, 5", "1920, 7", "5120, 3", "20480, 2"})
  void blocksHoldAllRowsAndNoBlockIsEmpty(int width, int rows) {
    RowTiling tiling = RowTiling.of(width, 4);
    LaunchConfig launch = tiling.launch(rows);
    int rowsOfBlock = launch.threads() / (32 * tiling.warps());
    assertThat(rowsOfBlock * tiling.warps() * 32).isEqualTo(launch.threads());
    assertThat(launch.gridX() * rowsOfBlock).isBetween(rows, rows + rowsOfBlock - 1);
    assertThat(launch.threads()).isLessThanOrEqualTo(Math.max(256, 32 * tiling.warps()));
  }

  @Test
  void rowsThatNoBlockHoldsAreRefused() {
    assertThatThrownBy(() -> RowTiling.of(20484, 4)).hasMessageContaining("20484");
    assertThatThrownBy(() -> RowTiling.of(0, 4)).hasMessageContaining("0 elements");
  }
}
