package org.turboesm.engine.cuda;

import java.util.Map;
import org.turboesm.cuda.CudaStream;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.cuda.Kernel;
import org.turboesm.cuda.KernelLibrary;
import org.turboesm.cuda.KernelModule;
import org.turboesm.cuda.KernelVariant;

/** How far the results of two runs are apart, row by row, {@code fidelity.cu}. */
final class FidelityKernels {
  private final Kernel compareRows;
  private final Kernel compareLogits;

  FidelityKernels(KernelLibrary library) {
    KernelModule module = library.compile(variant());
    compareRows = module.kernel("compare_rows");
    compareLogits = module.kernel("compare_logits");
  }

  /** What is compiled. */
  static KernelVariant variant() {
    return new KernelVariant("fidelity.cu", Map.of());
  }

  /**
   * reference . actual, |reference|^2, |actual|^2 and |actual - reference|^2 of each row.
   *
   * @param reference floats, [rows, hidden]
   * @param actual floats, [rows, hidden]
   * @param sums floats, [rows, 4], overwritten
   */
  void compareRows(
      CudaStream stream,
      int rows,
      int hidden,
      DevicePointer reference,
      DevicePointer actual,
      DevicePointer sums) {
    compareRows.launch(stream, RowTiling.warpARow(rows), reference, actual, rows, hidden, sums);
  }

  /**
   * KL(softmax(reference) || softmax(actual)) of each row, and whether both have the same likeliest
   * token.
   *
   * @param reference floats, [rows, vocabulary]
   * @param actual floats, [rows, vocabulary]
   * @param divergences floats, [rows], overwritten; in nats
   * @param agreements ints, [rows], overwritten; 1 or 0
   */
  void compareLogits(
      CudaStream stream,
      int rows,
      int vocabulary,
      DevicePointer reference,
      DevicePointer actual,
      DevicePointer divergences,
      DevicePointer agreements) {
    compareLogits.launch(
        stream,
        RowTiling.warpARow(rows),
        reference,
        actual,
        rows,
        vocabulary,
        divergences,
        agreements);
  }
}
