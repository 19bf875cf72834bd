package org.turboesm.engine.cuda;

import java.util.Map;
import org.turboesm.cuda.CudaStream;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.cuda.Kernel;
import org.turboesm.cuda.KernelLibrary;
import org.turboesm.cuda.KernelModule;
import org.turboesm.cuda.KernelVariant;
import org.turboesm.cuda.LaunchConfig;
import org.turboesm.engine.Precision;
import org.turboesm.kv.PackedKvLayout;

/**
 * Decode attention over full-precision blocks, and the merge of attention states, {@code
 * full_decode.cu}. Rows are queries of different sequences; a row whose sequence is -1 is padding,
 * and nothing is written of it.
 */
final class FullDecodeKernels {
  private static final int WARP = 32;
  private static final int DECODE_WARPS = 4;

  /**
   * Blocks of a split. It is fixed, so that the order of a sequence's sums does not depend on what
   * else is decoded beside it: two blocks for each warp, 256 tokens.
   */
  static final int BLOCKS_PER_SPLIT = 2 * DECODE_WARPS;

  private final Kernel fullDecode;
  private final Kernel tailDecode;
  private final Kernel mergeStates;
  private final int mergeThreads;

  FullDecodeKernels(KernelLibrary library, Precision precision, int headDim) {
    KernelModule module = library.compile(variant(precision, headDim));
    fullDecode = module.kernel("full_decode");
    tailDecode = module.kernel("tail_decode");
    mergeStates = module.kernel("merge_states");
    mergeThreads = (headDim + WARP - 1) / WARP * WARP;
  }

  /** What the engine compiles for a model. */
  static KernelVariant variant(Precision precision, int headDim) {
    return new KernelVariant(
        "full_decode.cu",
        Map.of(
            "PRECISION", precision.ordinal(), "HEAD_DIM", headDim, "DECODE_WARPS", DECODE_WARPS));
  }

  /** The splits that sequences of up to so many tokens need; at least one. */
  static int splits(int longestKvLen) {
    return Math.max(
        1, (PackedKvLayout.blocks(longestKvLen) + BLOCKS_PER_SPLIT - 1) / BLOCKS_PER_SPLIT);
  }

  /**
   * Attention over a cache of full-precision blocks.
   *
   * @param queries floats, [rows, heads, headDim], scaled
   * @param cache activations, [slots, heads, 2, headDim, 32]: keys, then values
   * @param firstSlot ints, [sequences]: the slot of a sequence's first block, the others follow
   * @param sequences ints, [rows]
   * @param kvLens ints, [sequences]: tokens to attend to
   * @param partial overwritten; its {@link #splits} must be enough for the longest sequence
   */
  void decode(
      CudaStream stream,
      int rows,
      int heads,
      DevicePointer queries,
      DevicePointer cache,
      DevicePointer firstSlot,
      DevicePointer sequences,
      DevicePointer kvLens,
      PartialStates partial) {
    fullDecode.launch(
        stream,
        new LaunchConfig(partial.splits(), heads, rows, DECODE_WARPS * WARP, 0),
        queries,
        cache,
        firstSlot,
        sequences,
        kvLens,
        heads,
        partial.splits(),
        BLOCKS_PER_SPLIT,
        partial.outputs(),
        partial.states());
  }

  /**
   * Attention over the tails of a packed cache: a sequence's last kvLen % 32 tokens.
   *
   * @param queries floats, [rows, heads, headDim], scaled
   * @param tails activations, [sequences, heads, 2, headDim, 32]: keys, then values
   * @param sequences ints, [rows]
   * @param kvLens ints, [sequences]: tokens of the whole cache
   * @param partial its last split is overwritten
   */
  void decodeTails(
      CudaStream stream,
      int rows,
      int heads,
      DevicePointer queries,
      DevicePointer tails,
      DevicePointer sequences,
      DevicePointer kvLens,
      PartialStates partial) {
    tailDecode.launch(
        stream,
        new LaunchConfig(heads, rows, 1, WARP, 0),
        queries,
        tails,
        sequences,
        kvLens,
        heads,
        partial.splits(),
        partial.outputs(),
        partial.states());
  }

  /**
   * Merges the splits and divides.
   *
   * @param partial of every row that is not padding, some split has a token
   * @param sequences ints, [rows]
   * @param output activations, [rows, heads, headDim], overwritten
   */
  void merge(
      CudaStream stream,
      int rows,
      int heads,
      PartialStates partial,
      DevicePointer sequences,
      DevicePointer output) {
    mergeStates.launch(
        stream,
        new LaunchConfig(heads, rows, 1, mergeThreads, 0),
        partial.outputs(),
        partial.states(),
        sequences,
        heads,
        partial.splits(),
        output);
  }
}
