package org.turboesm.engine.cpu;

/**
 * How a batch of rows is cut into blocks. A kernel is compiled for one number of rows (about a
 * millisecond, the first time), so blocks come in few sizes, and the last one of a batch is padded
 * up to the next: that bounds a layer's kernels at 25 whatever batches come.
 */
final class RowBlocks {
  /**
   * The rows of a full block. What is copied for a kernel is then still in a cache when the kernel
   * reads it, and large weights are read again only once in so many rows; 64 to 512 rows measure
   * within 2% of each other over all of ESM-2's shapes.
   */
  static final int FULL = 128;

  private RowBlocks() {}

  /**
   * The kernel size that runs a block of so many rows.
   *
   * <p>One row runs as two. For one, oneDNN adds up in another order, and a row's result would
   * depend on whether others stand beside it; two take no longer, as either only waits for the
   * weights.
   */
  static int padded(int rows) {
    if (rows <= 8) {
      return Math.max(2, rows);
    }
    return rows <= 32 ? roundUp(rows, 4) : roundUp(rows, 8);
  }

  /** Bounds {@link #padded} of a block, exclusive. */
  static int sizes() {
    return FULL + 1;
  }

  private static int roundUp(int rows, int step) {
    return (rows + step - 1) / step * step;
  }
}
