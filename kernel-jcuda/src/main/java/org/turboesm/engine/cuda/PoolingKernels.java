package org.turboesm.engine.cuda;

import java.util.Map;
import org.turboesm.cuda.CudaStream;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.cuda.Kernel;
import org.turboesm.cuda.KernelLibrary;
import org.turboesm.cuda.KernelVariant;
import org.turboesm.cuda.LaunchConfig;

/** From hidden states to mean embeddings, {@code pooling.cu}. */
final class PoolingKernels {
  private static final int WARP = 32;

  /** Warps that share a sequence's tokens. */
  private static final int POOL_WARPS = 16;

  private final Kernel meanPool;

  PoolingKernels(KernelLibrary library) {
    meanPool = library.compile(variant()).kernel("mean_pool");
  }

  /** What is compiled. */
  static KernelVariant variant() {
    return new KernelVariant("pooling.cu", Map.of("POOL_WARPS", POOL_WARPS));
  }

  /**
   * The mean over each sequence's residues, without its first and last token.
   *
   * @param hidden floats, [tokens, hiddenSize]
   * @param cuSeqlens ints, [sequences + 1]
   * @param means floats, [sequences, hiddenSize], overwritten
   */
  void mean(
      CudaStream stream,
      int sequences,
      int hiddenSize,
      DevicePointer hidden,
      DevicePointer cuSeqlens,
      DevicePointer means) {
    int channelsOfBlock = hiddenSize % 4 == 0 ? 4 * WARP : WARP;
    meanPool.launch(
        stream,
        new LaunchConfig(
            sequences,
            (hiddenSize + channelsOfBlock - 1) / channelsOfBlock,
            1,
            POOL_WARPS * WARP,
            0),
        hidden,
        cuSeqlens,
        hiddenSize,
        means);
  }
}
