package org.turboesm.engine.cuda;

import java.util.Map;
import org.turboesm.cuda.LaunchConfig;
import org.turboesm.engine.Precision;

/**
 * How the kernels of {@code rows.cuh} cut a row among threads.
 *
 * @param width elements of a row
 * @param piece neighbouring elements that a thread reads at once
 * @param warps that hold a row
 */
record RowTiling(int width, int piece, int warps) {
  private static final int WARP = 32;

  /** Enough loads in flight; more would cost the registers that let other warps run beside. */
  private static final int PIECES_OF_THREAD = 5;

  private static final int WARPS_OF_BLOCK = 8;
  private static final int MAX_WARPS = 32;

  /**
   * The tiling of rows of a width.
   *
   * @param widestPiece 4 or 8: 16 bytes of the narrower of a kernel's large arrays, where a row's
   *     width allows it
   */
  static RowTiling of(int width, int widestPiece) {
    int piece = 1;
    if (width % widestPiece == 0) {
      piece = widestPiece;
    } else if (width % 4 == 0) {
      piece = 4;
    }
    int warps = blocksFor(width, WARP * PIECES_OF_THREAD * piece);
    if (width <= 0 || warps > MAX_WARPS) {
      throw new IllegalArgumentException("rows of " + width + " elements");
    }
    return new RowTiling(width, piece, warps);
  }

  /** What the kernels are compiled with. */
  Map<String, Integer> defines(Precision precision) {
    return Map.of(
        "PRECISION", precision.ordinal(), "WIDTH", width, "PIECE", piece, "ROW_WARPS", warps);
  }

  /** The launch of a kernel over so many rows. */
  LaunchConfig launch(int rows) {
    int rowsOfBlock = Math.max(1, WARPS_OF_BLOCK / warps);
    return LaunchConfig.of(blocksFor(rows, rowsOfBlock), rowsOfBlock * warps * WARP);
  }

  /** The launch of a kernel that has a warp for each row, whatever its width. */
  static LaunchConfig warpARow(int rows) {
    return LaunchConfig.of(blocksFor(rows, WARPS_OF_BLOCK), WARPS_OF_BLOCK * WARP);
  }

  private static int blocksFor(int items, int itemsOfBlock) {
    return (items + itemsOfBlock - 1) / itemsOfBlock;
  }
}
