package org.turboesm.engine.cuda;

import java.util.Map;
import org.turboesm.cuda.CudaStream;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.cuda.Kernel;
import org.turboesm.cuda.KernelLibrary;
import org.turboesm.cuda.KernelVariant;

/** How far the rows of two runs are apart, {@code fidelity.cu}. */
final class FidelityKernels {
  private final Kernel rowErrors;

  FidelityKernels(KernelLibrary library) {
    rowErrors = library.compile(variant()).kernel("row_errors");
  }

  /** What is compiled. */
  static KernelVariant variant() {
    return new KernelVariant("fidelity.cu", Map.of());
  }

  /**
   * |reference|^2 and |actual - reference|^2 of each row.
   *
   * @param reference floats, [rows, hidden]
   * @param actual floats, [rows, hidden]
   * @param errors floats, [rows, 2], overwritten
   */
  void rowErrors(
      CudaStream stream,
      int rows,
      int hidden,
      DevicePointer reference,
      DevicePointer actual,
      DevicePointer errors) {
    rowErrors.launch(stream, RowTiling.warpARow(rows), reference, actual, rows, hidden, errors);
  }
}
