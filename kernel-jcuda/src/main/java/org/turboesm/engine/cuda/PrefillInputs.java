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

  /**
   * Queues attention.
   *
   * @param queries activations, [tokens, heads, headDim]
   * @param keys activations, [tokens, heads, headDim]
   * @param values activations, [tokens, heads, headDim]
   * @param output activations, [tokens, heads, headDim]
   */
  void attend(
      Lane lane,
      KernelSet kernels,
      int heads,
      DevicePointer queries,
      DevicePointer keys,
      DevicePointer values,
      DevicePointer output) {
    kernels
        .prefill()
        .attend(lane.stream(), heads, queries, keys, values, cuSeqlens, tiles, tileCount, output);
  }

  /** Rotated queries and keys, then attention over the batch itself: nothing outlives the pass. */
  DeviceAttention attention(KernelSet kernels, PassInputs inputs, int heads) {
    return (lane, layer, projections, w, observed) -> {
      kernels
          .qkv()
          .rotate(
              lane.stream(),
              projections,
              inputs.positions(),
              inputs.rows(),
              w.queries(),
              w.keys(),
              w.values());
      attend(lane, kernels, heads, w);
    };
  }

  /** Queues attention of the workspace's own queries, keys and values. */
  void attend(Lane lane, KernelSet kernels, int heads, Workspace w) {
    attend(lane, kernels, heads, w.queries(), w.keys(), w.values(), w.attended());
  }
}
