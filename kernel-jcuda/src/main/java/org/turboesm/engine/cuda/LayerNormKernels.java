package org.turboesm.engine.cuda;

import java.util.Optional;
import org.turboesm.cuda.CudaStream;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.cuda.Kernel;
import org.turboesm.cuda.KernelLibrary;
import org.turboesm.cuda.KernelModule;
import org.turboesm.cuda.KernelVariant;
import org.turboesm.engine.Precision;

/** LayerNorm of rows of one hidden size, the residual stream's update with it, layer_norm.cu. */
final class LayerNormKernels {
  private static final int WIDEST_PIECE = 4;

  private final RowTiling tiling;
  private final Kernel residualLayerNorm;
  private final Kernel finalLayerNorm;

  LayerNormKernels(KernelLibrary library, Precision precision, int hidden) {
    tiling = tiling(hidden);
    KernelModule module = library.compile(variant(precision, hidden));
    residualLayerNorm = module.kernel("residual_layer_norm");
    finalLayerNorm = module.kernel("final_layer_norm");
  }

  private static RowTiling tiling(int hidden) {
    return RowTiling.of(hidden, WIDEST_PIECE);
  }

  /** What is compiled for rows of a width. */
  static KernelVariant variant(Precision precision, int hidden) {
    return new KernelVariant("layer_norm.cu", tiling(hidden).defines(precision));
  }

  /**
   * x += delta with its bias, and normed = LayerNorm(x).
   *
   * @param x floats, [rows, hidden], in and out; left as it is where there is no delta
   * @param delta [rows, hidden]
   * @param weight floats, [hidden]
   * @param bias floats, [hidden]
   * @param normed [rows, hidden], overwritten; may be x where there is no delta and both are floats
   */
  void normResidual(
      CudaStream stream,
      int rows,
      DevicePointer x,
      Optional<Product> delta,
      DevicePointer weight,
      DevicePointer bias,
      float eps,
      LinearInput normed) {
    residualLayerNorm.launch(
        stream,
        tiling.launch(rows),
        x,
        delta.map(Product::values).orElse(null),
        delta.map(Product::rowScales).orElse(null),
        delta.map(Product::columnScales).orElse(null),
        delta.map(Product::bias).orElse(null),
        weight,
        bias,
        eps,
        rows,
        normed.values(),
        normed.scales());
  }

  /**
   * normed = LayerNorm(x + delta with its bias), in float.
   *
   * @param x floats, [rows, hidden]
   * @param delta [rows, hidden]
   * @param weight floats, [hidden]
   * @param bias floats, [hidden]
   * @param normed floats, [rows, hidden], overwritten; may be x
   */
  void normFinal(
      CudaStream stream,
      int rows,
      DevicePointer x,
      Optional<Product> delta,
      DevicePointer weight,
      DevicePointer bias,
      float eps,
      DevicePointer normed) {
    finalLayerNorm.launch(
        stream,
        tiling.launch(rows),
        x,
        delta.map(Product::values).orElse(null),
        delta.map(Product::rowScales).orElse(null),
        delta.map(Product::columnScales).orElse(null),
        delta.map(Product::bias).orElse(null),
        weight,
        bias,
        eps,
        rows,
        normed);
  }
}
