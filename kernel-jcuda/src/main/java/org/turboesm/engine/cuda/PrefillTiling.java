package org.turboesm.engine.cuda;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.turboesm.engine.Precision;

/**
 * How prefill attention is cut into blocks.
 *
 * @param queryTile queries of one sequence and head that a block takes
 * @param keyTile keys that a block holds at a time
 * @param warpQueries queries that a warp takes
 */
record PrefillTiling(int queryTile, int keyTile, int warpQueries) {
  private static final int WARP = 32;

  /**
   * The tiling of a head: the largest whose registers and shared memory leave several blocks to a
   * multiprocessor. Up to 32 channels the exponentials take longest, and 16 queries a warp leave
   * the most warps to hide them; at 64 shared memory would, and 32 queries a warp read half of it.
   */
  static PrefillTiling of(Precision precision, int headDim) {
    if (precision == Precision.F32) {
      return headDim <= 64 ? new PrefillTiling(64, 32, 16) : new PrefillTiling(32, 16, 16);
    }
    if (headDim <= 32) {
      return new PrefillTiling(64, 64, 16);
    }
    return headDim <= 64 ? new PrefillTiling(128, 64, 32) : new PrefillTiling(64, 32, 16);
  }

  /** Threads of a block. */
  int threads() {
    return queryTile / warpQueries * WARP;
  }

  /** What the kernel is compiled with. */
  Map<String, Integer> defines() {
    return Map.of("QUERY_TILE", queryTile, "KEY_TILE", keyTile, "WARP_QUERIES", warpQueries);
  }

  /**
   * The tiles of a ragged batch, the longest sequences' first.
   *
   * @param cuSeqlens [sequences + 1]
   * @return [tiles, 2]: a sequence, and its first query of the tile
   */
  int[] tiles(int[] cuSeqlens) {
    List<Integer> longestFirst =
        IntStream.range(0, cuSeqlens.length - 1)
            .boxed()
            .sorted(Comparator.comparing(s -> cuSeqlens[s] - cuSeqlens[s + 1]))
            .toList();
    return longestFirst.stream()
        .flatMapToInt(
            s ->
                IntStream.iterate(
                        0,
                        query -> query < cuSeqlens[s + 1] - cuSeqlens[s],
                        query -> query + queryTile)
                    .flatMap(query -> IntStream.of(s, query)))
        .toArray();
  }
}
