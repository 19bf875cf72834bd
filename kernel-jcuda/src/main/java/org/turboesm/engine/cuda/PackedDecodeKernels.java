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
    int blocks = PackedKvLayout.blocks(longestKvLen);
    return Math.max(
        1, (blocks + PackedDecodePlan.BLOCKS_PER_SPLIT - 1) / PackedDecodePlan.BLOCKS_PER_SPLIT);
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
        new LaunchConfig(packedSplits, heads, rows, PackedDecodePlan.THREADS, plan.sharedBytes()),
        queries,
        words,
        codec.wordsPerSlot(),
        valueScales,
        firstSlot,
        sequences,
        kvLens,
        codec.layouts(),
        codec.decodePlans(),
        codec.decodeLanes(),
        codec.decodeTables(),
        heads,
        partial.splits(),
        tail ? 1 : 0,
        plan.tableFloats(),
        plan.stageWords(),
        plan.stagedBlocks(),
        partial.outputs(),
        partial.states());
  }
}
