package org.turboesm.engine.cuda;

import org.turboesm.cuda.CudaStream;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.cuda.Kernel;
import org.turboesm.cuda.KernelLibrary;
import org.turboesm.cuda.KernelVariant;
import org.turboesm.engine.Precision;

/** Activations of one width to int8 linear inputs, {@code quantize.cu}. */
final class QuantizeKernels {
  private static final int WIDEST_PIECE = 8;

  private final RowTiling tiling;
  private final Kernel quantizeRows;

  QuantizeKernels(KernelLibrary library, int width) {
    tiling = tiling(width);
    quantizeRows = library.compile(variant(width)).kernel("quantize_rows");
  }

  private static RowTiling tiling(int width) {
    return RowTiling.of(width, WIDEST_PIECE);
  }

  /** What is compiled for rows of a width. */
  static KernelVariant variant(int width) {
    return new KernelVariant("quantize.cu", tiling(width).defines(Precision.INT8));
  }

  /**
   * Quantizes each row symmetrically by its largest magnitude.
   *
   * @param x bfloat16, [rows, width]
   * @param quantized bytes, [rows, width], overwritten, and their scales
   */
  void quantize(CudaStream stream, int rows, DevicePointer x, LinearInput quantized) {
    quantizeRows.launch(
        stream, tiling.launch(rows), x, rows, quantized.values(), quantized.scales());
  }
}
