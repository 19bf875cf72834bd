package org.turboesm.engine.cuda;

import java.util.Map;
import org.turboesm.cuda.CudaStream;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.cuda.Kernel;
import org.turboesm.cuda.KernelLibrary;
import org.turboesm.cuda.KernelModule;
import org.turboesm.cuda.LaunchConfig;

/** Launches {@code packed_decode.cu}. */
final class PackedDecodeKernels {
  private static final int THREADS = 32 * PackedDecodePlan.WARPS;

  /** What every block of threads may have without being granted more. */
  private static final int PLAIN_SHARED_BYTES = 48 << 10;

  private final KernelModule module;
  private final Kernel decode;

  PackedDecodeKernels(KernelLibrary library, Map<String, Integer> defines) {
    this.module = library.compile("packed_decode.cu", defines);
    this.decode = module.kernel("packed_decode");
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

  /**
   * Queues decode attention over the packed blocks of a layer's cache.
   *
   * @param queries [rows, heads, headDim] floats, scaled and transformed
   * @param words [slots, wordsPerSlot]
   * @param valueScales [slots, heads, 32] bfloat16; null where no values are scaled by token
   * @param firstSlots [sequences]
   * @param sequences [rows]; -1 for rows that are padding
   * @param kvLens [sequences]
   * @param shape of the launch
   * @param partialOutputs [rows, heads, partials, headDim]
   * @param partialStates [rows, heads, partials], pairs of floats
   */
  void decode(
      CudaStream stream,
      LayerCodec codec,
      DevicePointer queries,
      DevicePointer words,
      DevicePointer valueScales,
      DevicePointer firstSlots,
      DevicePointer sequences,
      DevicePointer kvLens,
      DecodeShape shape,
      DevicePointer partialOutputs,
      DevicePointer partialStates) {
    PackedDecodePlan plan = codec.decodePlan();
    decode.launch(
        stream,
        new LaunchConfig(
            shape.packedSplits(), shape.heads(), shape.rows(), THREADS, plan.sharedBytes()),
        queries,
        words,
        codec.wordsPerSlot(),
        valueScales,
        firstSlots,
        sequences,
        kvLens,
        codec.layouts(),
        codec.channels(),
        codec.centroids(),
        codec.windows(),
        codec.firstWindows(),
        codec.valueOrder(),
        shape.heads(),
        shape.partials(),
        shape.blocksPerSplit(),
        shape.tail() ? 1 : 0,
        plan.tableFloats(),
        plan.maxWindows(),
        plan.stageWords(),
        partialOutputs,
        partialStates);
  }
}
