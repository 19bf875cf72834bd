package org.turboesm.engine.cuda;

import org.turboesm.cuda.DeviceBlas;
import org.turboesm.engine.Precision;

/**
 * What a precision means on the device; {@code precision.cuh} has the same table.
 *
 * @param storage the kernels' number formats; TF32 is stored as floats
 * @param product format of the GEMMs
 * @param activationBytes of a query's, key's, value's or attention output's element
 * @param inputBytes of an element that a GEMM reads
 * @param productBytes of an element that a GEMM writes
 */
record KernelPrecision(
    Precision storage,
    DeviceBlas.Format product,
    int activationBytes,
    int inputBytes,
    int productBytes) {

  static KernelPrecision of(Precision precision) {
    return switch (precision) {
      case F32 -> new KernelPrecision(Precision.F32, DeviceBlas.Format.F32, 4, 4, 4);
      case TF32 -> new KernelPrecision(Precision.F32, DeviceBlas.Format.TF32, 4, 4, 4);
      case BF16 -> new KernelPrecision(Precision.BF16, DeviceBlas.Format.BF16, 2, 2, 2);
      case INT8 -> new KernelPrecision(Precision.INT8, DeviceBlas.Format.INT8, 2, 1, 4);
    };
  }

  /** Whether GEMM inputs are bytes with a scale a row. */
  boolean quantized() {
    return product == DeviceBlas.Format.INT8;
  }
}
