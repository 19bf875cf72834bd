package org.turboesm.engine.cuda;

import org.turboesm.cuda.CudaStream;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.cuda.Kernel;
import org.turboesm.cuda.KernelLibrary;
import org.turboesm.cuda.KernelModule;
import org.turboesm.cuda.KernelVariant;
import org.turboesm.cuda.LaunchConfig;
import org.turboesm.engine.Precision;

/** What follows a linear layer's product: bias and GELU, or bias alone, {@code gelu.cu}. */
final class GeluKernels {
  private static final int BIAS_THREADS = 256;

  private final RowTiling tiling;
  private final Kernel biasGelu;
  private final Kernel biasAdd;

  /**
   * Compiles the kernels.
   *
   * @param width columns of the products that {@link #biasGelu} takes
   */
  GeluKernels(KernelLibrary library, Precision precision, int width) {
    tiling = tiling(precision, width);
    KernelModule module = library.compile(variant(precision, width));
    biasGelu = module.kernel("bias_gelu");
    biasAdd = module.kernel("bias_add");
  }

  private static RowTiling tiling(Precision precision, int width) {
    return RowTiling.of(width, precision == Precision.BF16 ? 8 : 4);
  }

  /** What is compiled for rows of a width. */
  static KernelVariant variant(Precision precision, int width) {
    return new KernelVariant("gelu.cu", tiling(precision, width).defines(precision));
  }

  /**
   * output = GELU(product with its bias), x Phi(x).
   *
   * @param product [rows, width]
   * @param output [rows, width], overwritten; may be the product but for int8
   */
  void biasGelu(CudaStream stream, int rows, Product product, LinearInput output) {
    biasGelu.launch(
        stream,
        tiling.launch(rows),
        product.values(),
        product.rowScales(),
        product.columnScales(),
        product.bias(),
        rows,
        output.values(),
        output.scales());
  }

  /**
   * output = product with its bias, in float.
   *
   * @param columns of the product, any number
   * @param product [rows, columns]
   * @param output floats, [rows, columns], overwritten
   */
  void biasAdd(CudaStream stream, int rows, int columns, Product product, DevicePointer output) {
    long blocks = ((long) rows * columns + BIAS_THREADS - 1) / BIAS_THREADS;
    biasAdd.launch(
        stream,
        LaunchConfig.of(Math.toIntExact(blocks), BIAS_THREADS),
        product.values(),
        product.rowScales(),
        product.columnScales(),
        product.bias(),
        rows,
        columns,
        output);
  }
}
