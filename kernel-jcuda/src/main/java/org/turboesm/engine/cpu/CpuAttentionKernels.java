package org.turboesm.engine.cpu;

import org.bytedeco.dnnl.memory;
import org.turboesm.attention.vector.VectorAttentionKernels;
import org.turboesm.engine.Precision;

/** The Vector API's kernels, but for bidirectional attention, which oneDNN runs faster. */
public final class CpuAttentionKernels extends VectorAttentionKernels {
  private final DnnlAttention attention;

  /**
   * @param precision of the model; attention is in bf16 with any but f32, where there is bf16
   */
  public CpuAttentionKernels(Precision precision) {
    OneDnn library = OneDnn.get();
    boolean narrow = precision != Precision.F32 && library.precisions().contains(Precision.BF16);
    attention = new DnnlAttention(library, narrow ? memory.data_type.bf16 : memory.data_type.f32);
  }

  @Override
  public String name() {
    return "oneDNN and " + super.name();
  }

  @Override
  public void prefill(
      int heads,
      int headDim,
      int[] cuSeqlens,
      float[] queries,
      float[] keys,
      float[] values,
      float[] output) {
    attention.prefill(heads, headDim, cuSeqlens, queries, keys, values, output);
  }

  @Override
  public void close() {
    attention.close();
  }
}
