package org.turboesm.engine.cuda;

import java.util.List;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.esm2.TokenBatch;

/**
 * What prefill attention reads of a batch beside its tokens.
 *
 * @param cuSeqlens ints, [sequences + 1]
 * @param tiles ints, [tileCount, 2]
 */
record PrefillInputs(DevicePointer cuSeqlens, DevicePointer tiles, int tileCount) {

  /** How many arrays {@link #arrays} gives. */
  static final int ARRAYS = 2;

  /** What is to be uploaded, in the order of the fields. */
  static List<int[]> arrays(TokenBatch batch, PrefillTiling tiling) {
    return List.of(batch.cuSeqlens(), tiling.tiles(batch.cuSeqlens()));
  }

  /** The uploaded arrays. */
  static PrefillInputs of(List<DevicePointer> uploaded) {
    DevicePointer tiles = uploaded.get(1);
    return new PrefillInputs(
        uploaded.get(0), tiles, Math.toIntExact(tiles.bytes() / (2 * Integer.BYTES)));
  }

  /** Queues attention of the workspace's queries, keys and values. */
  void attend(Lane lane, KernelSet kernels, int heads, Workspace w) {
    kernels
        .prefill()
        .attend(
            lane.stream(),
            heads,
            w.queries(),
            w.keys(),
            w.values(),
            cuSeqlens,
            tiles,
            tileCount,
            w.attended());
  }
}
