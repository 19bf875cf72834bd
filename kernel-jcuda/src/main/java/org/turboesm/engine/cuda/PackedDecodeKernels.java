package org.turboesm.engine.cuda;

import java.util.Map;
import org.turboesm.cuda.CudaStream;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.cuda.Kernel;
import org.turboesm.cuda.KernelLibrary;
import org.turboesm.cuda.KernelModule;
import org.turboesm.cuda.KernelVariant;
import org.turboesm.cuda.LaunchConfig;
import org.turboesm.kv.PackedKvLayout;

/** Launches {@code packed_decode.cu}. */
final class PackedDecodeKernels {
  private static final int THREADS = 32 * PackedDecodePlan.WARPS;

  /**
   * Blocks of a split. It is fixed, so that the order of a sequence's sums does not depend on what
   * else is decoded beside it: four blocks for each warp, 512 tokens, over which building the
   * tables costs about a tenth.
   */
  static final int BLOCKS_PER_SPLIT = PackedDecodePlan.BLOCKS_PER_WARP * PackedDecodePlan.WARPS;

  /** What every block of threads may have without being granted more. */
  private static final int PLAIN_SHARED_BYTES = 48 << 10;

  private final KernelModule module;
  private final Kernel decode;

  PackedDecodeKernels(KernelLibrary library, int headDim) {
    this.module = library.compile(variant(headDim));
    this.decode = module.kernel("packed_decode");
  }

  /** What the engine compiles for a model. */
  static KernelVariant variant(int headDim) {
    return new KernelVariant("packed_decode.cu", Map.of("HEAD_DIM", headDim));
  }

  /** The loaded file, for its counters. */
  KernelModule module() {
    return module;
  }

  /**
   * Makes sure that a codec's tables fit in shared memory.
   *
   * @throws org.turboesm.cuda.CudaException if the device has not so much
   */
  void prepare(PackedDecodePlan plan) {
    if (plan.sharedBytes() > PLAIN_SHARED_BYTES) {
      decode.grantSharedBytes(plan.sharedBytes());
    }
  }

  /** The splits that sequences of up to so many tokens need; at least one. */
  static int splits(int longestKvLen) {
    return Math.max(
        1, (PackedKvLayout.blocks(longestKvLen) + BLOCKS_PER_SPLIT - 1) / BLOCKS_PER_SPLIT);
  }

  /**
   * Attention over the packed blocks of a layer's cache.
   *
   * @param codec of the layer, prepared by {@link #prepare}
   * @param queries floats, [rows, heads, headDim], scaled and mapped
   * @param words [slots, wordsPerSlot]
   * @param valueScales bfloat16, [slots, heads, 32]; null where no values are scaled by token
   * @param firstSlot ints, [sequences]: the slot of a sequence's first block, the others follow
   * @param sequences ints, [rows]; -1 for rows that are padding
   * @param kvLens ints, [sequences]: tokens of the whole cache
   * @param tail whether a sequence's last kvLen % 32 tokens wait in a tail; then the last split is
   *     the tail's, and left as it is
   * @param partial overwritten but for the tail's split
   */
  void decode(
      CudaStream stream,
      int rows,
      int heads,
      LayerCodec codec,
      DevicePointer queries,
      DevicePointer words,
      DevicePointer valueScales,
      DevicePointer firstSlot,
      DevicePointer sequences,
      DevicePointer kvLens,
      boolean tail,
      PartialStates partial) {
    PackedDecodePlan plan = codec.decodePlan();
    int packedSplits = partial.splits() - (tail ? 1 : 0);
    decode.launch(
        stream,
        new LaunchConfig(packedSplits, heads, rows, THREADS, plan.sharedBytes()),
        queries,
        words,
        codec.wordsPerSlot(),
        valueScales,
        firstSlot,
        sequences,
        kvLens,
        codec.layouts(),
        codec.channels(),
        codec.centroids(),
        codec.windows(),
        codec.firstWindows(),
        codec.valueOrder(),
        heads,
        partial.splits(),
        BLOCKS_PER_SPLIT,
        tail ? 1 : 0,
        plan.tableFloats(),
        plan.maxWindows(),
        plan.stageWords(),
        partial.outputs(),
        partial.states());
  }
}
