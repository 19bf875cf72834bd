package org.turboesm.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AttentionTilesTest {

  @ParameterizedTest(name = "{0} heads, {1} bytes a weight")
  @CsvSource({"1, 4", "20, 2", "20, 4", "40, 2", "7, 4"})
  void tilesCoverTheSequenceAndFitTheCache(int heads, int bytesOfAWeight) {
    for (int length = 1; length <= 3000; length++) {
      AttentionTiles tiles = AttentionTiles.of(length, heads, bytesOfAWeight);
      assertThat(tiles.keys()).as("keys of %d", length).isBetween(length, length + 63);
      assertThat(tiles.queries()).isGreaterThanOrEqualTo(length);
      assertThat(heads % tiles.headsAtOnce()).isZero();
      long bytes =
          (long) tiles.headsAtOnce() * tiles.queriesAtOnce() * tiles.keys() * bytesOfAWeight;
      // One unit of queries more than fits, where queries are rounded up.
      assertThat(bytes)
          .as("bytes at %d", length)
          .isLessThanOrEqualTo((512 << 10) + 16L * tiles.keys() * bytesOfAWeight);
    }
  }

  @ParameterizedTest(name = "{0} heads, {1} bytes a weight")
  @CsvSource({"20, 2", "20, 4"})
  void lengthsUpToAThousandShareFewShapes(int heads, int bytesOfAWeight) {
    Set<AttentionTiles> shapes = new HashSet<>();
    for (int length = 1; length <= 1024; length++) {
      shapes.add(AttentionTiles.of(length, heads, bytesOfAWeight));
    }
    assertThat(shapes).hasSize(8 + 28);
  }
}
