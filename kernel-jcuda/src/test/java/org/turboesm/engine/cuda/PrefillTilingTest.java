package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.turboesm.engine.Precision;

class PrefillTilingTest {
  @Test
  void tilesTakeEveryQueryOnceAndTheLongestSequencesFirst() {
    PrefillTiling tiling = new PrefillTiling(64, 64, 16);
    int[] tiles = tiling.tiles(new int[] {0, 1, 65, 194, 258});
    assertThat(tiles).containsExactly(2, 0, 2, 64, 2, 128, 1, 0, 3, 0, 0, 0);
  }

  @Test
  void everyQueryTileIsWholeWarps() {
    for (Precision precision : List.of(Precision.F32, Precision.BF16, Precision.INT8)) {
      for (int headDim : new int[] {16, 24, 32, 64, 128}) {
        PrefillTiling tiling = PrefillTiling.of(precision, headDim);
        assertThat(tiling.threads() / 32 * tiling.warpQueries())
            .as("%s, headDim %d", precision, headDim)
            .isEqualTo(tiling.queryTile());
      }
    }
  }
}
