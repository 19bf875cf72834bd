package org.turboesm.engine.cuda;

import java.util.Map;
import org.turboesm.cuda.CudaStream;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.cuda.Kernel;
import org.turboesm.cuda.KernelLibrary;
import org.turboesm.cuda.KernelVariant;

/** Token embeddings, {@code embedding.cu}. */
final class EmbeddingKernels {
  /** The mask token where none is zeroed. */
  static final int NO_MASK_TOKEN = -1;

  private final Kernel embedTokens;

  EmbeddingKernels(KernelLibrary library) {
    embedTokens = library.compile(variant()).kernel("embed_tokens");
  }

  /** What the engine compiles. */
  static KernelVariant variant() {
    return new KernelVariant("embedding.cu", Map.of());
  }

  /**
   * x = wordEmbeddings[token] times the scale of the token's sequence, or zeros.
   *
   * @param tokens ints, [rows]
   * @param sequenceOfToken ints, [rows]
   * @param sequenceScales floats, [sequences]
   * @param wordEmbeddings floats, [vocabulary, hidden]
   * @param maskToken becomes zeros; {@link #NO_MASK_TOKEN} where none does
   * @param x floats, [rows, hidden], overwritten
   */
  void embed(
      CudaStream stream,
      int rows,
      int hidden,
      DevicePointer tokens,
      DevicePointer sequenceOfToken,
      DevicePointer sequenceScales,
      DevicePointer wordEmbeddings,
      int maskToken,
      DevicePointer x) {
    embedTokens.launch(
        stream,
        RowTiling.warpARow(rows),
        tokens,
        sequenceOfToken,
        sequenceScales,
        wordEmbeddings,
        maskToken,
        rows,
        hidden,
        x);
  }
}
