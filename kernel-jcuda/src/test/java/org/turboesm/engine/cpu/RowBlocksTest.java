package org.turboesm.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class RowBlocksTest {

  @Test
  void blockIsPaddedToNoFewerRowsThanItHas() {
    assertThat(IntStream.rangeClosed(1, RowBlocks.FULL))
        .allMatch(rows -> RowBlocks.padded(rows) >= rows);
  }

  @Test
  void fullBlockIsNotPadded() {
    assertThat(RowBlocks.padded(RowBlocks.FULL)).isEqualTo(RowBlocks.FULL);
  }

  @Test
  void oneRowRunsAsTwo() {
    assertThat(RowBlocks.padded(1)).isEqualTo(2);
  }

  @Test
  void paddingIsLessThanAQuarterOfTheBlockBeyondOneRow() {
    assertThat(IntStream.rangeClosed(2, RowBlocks.FULL))
        .allMatch(rows -> RowBlocks.padded(rows) - rows <= Math.max(0, rows / 4 + 1));
  }

  @Test
  void kernelsOfALayerAreFew() {
    assertThat(IntStream.rangeClosed(1, RowBlocks.FULL).map(RowBlocks::padded).distinct().count())
        .isEqualTo(25);
  }
}
