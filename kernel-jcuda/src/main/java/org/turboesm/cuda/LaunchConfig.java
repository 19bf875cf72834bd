package org.turboesm.cuda;

/**
 * How a kernel is launched.
 *
 * @param gridX blocks
 * @param threads of a block
 * @param sharedBytes dynamic shared memory of a block
 */
public record LaunchConfig(int gridX, int gridY, int gridZ, int threads, int sharedBytes) {
  private static final int MAX_THREADS = 1024;
  private static final int MAX_GRID_YZ = 65535;

  public LaunchConfig {
    if (gridX <= 0
        || gridY <= 0
        || gridZ <= 0
        || gridY > MAX_GRID_YZ
        || gridZ > MAX_GRID_YZ
        || threads <= 0
        || threads > MAX_THREADS
        || sharedBytes < 0) {
      throw new IllegalArgumentException(
          "a grid of "
              + gridX
              + " x "
              + gridY
              + " x "
              + gridZ
              + " blocks of "
              + threads
              + " threads with "
              + sharedBytes
              + " bytes of shared memory");
    }
  }

  /** A row of blocks without dynamic shared memory. */
  public static LaunchConfig of(int gridX, int threads) {
    return new LaunchConfig(gridX, 1, 1, threads, 0);
  }
}
