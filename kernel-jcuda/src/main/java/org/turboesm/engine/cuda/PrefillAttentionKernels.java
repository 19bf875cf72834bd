package org.turboesm.engine.cuda;

import java.util.HashMap;
import java.util.Map;
import org.turboesm.cuda.CudaStream;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.cuda.Kernel;
import org.turboesm.cuda.KernelLibrary;
import org.turboesm.cuda.KernelVariant;
import org.turboesm.cuda.LaunchConfig;
import org.turboesm.engine.Precision;

/** Attention of whole sequences, {@code prefill_attention.cu}. */
final class PrefillAttentionKernels {
  private final PrefillTiling tiling;
  private final Kernel prefillAttention;

  PrefillAttentionKernels(KernelLibrary library, Precision precision, int headDim) {
    tiling = PrefillTiling.of(precision, headDim);
    prefillAttention = library.compile(variant(precision, headDim)).kernel("prefill_attention");
  }

  /** What the engine compiles for a model. */
  static KernelVariant variant(Precision precision, int headDim) {
    Map<String, Integer> defines = new HashMap<>(PrefillTiling.of(precision, headDim).defines());
    defines.put("PRECISION", precision.ordinal());
    defines.put("HEAD_DIM", headDim);
    return new KernelVariant("prefill_attention.cu", defines);
  }

  /** How the queries of a batch are cut into tiles. */
  PrefillTiling tiling() {
    return tiling;
  }

  /**
   * Bidirectional attention of a ragged batch, each sequence among its own tokens.
   *
   * @param heads of the layer
   * @param queries activations, [tokens, heads, headDim], scaled
   * @param keys activations, [tokens, heads, headDim]
   * @param values activations, [tokens, heads, headDim]
   * @param cuSeqlens ints, [sequences + 1]; no sequence is empty
   * @param tiles ints, [tileCount, 2], as {@link PrefillTiling#tiles} gives them
   * @param output activations, [tokens, heads, headDim], overwritten; none of the inputs
   */
  void attend(
      CudaStream stream,
      int heads,
      DevicePointer queries,
      DevicePointer keys,
      DevicePointer values,
      DevicePointer cuSeqlens,
      DevicePointer tiles,
      int tileCount,
      DevicePointer output) {
    prefillAttention.launch(
        stream,
        new LaunchConfig(tileCount, heads, 1, tiling.threads(), 0),
        queries,
        keys,
        values,
        cuSeqlens,
        tiles,
        heads,
        output);
  }
}
