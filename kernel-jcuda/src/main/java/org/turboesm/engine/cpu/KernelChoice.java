package org.turboesm.engine.cpu;

import org.bytedeco.dnnl.matmul;
import org.turboesm.TurboEsmException;

/** Which of oneDNN's implementations of a matrix product is taken. */
final class KernelChoice {
  private KernelChoice() {}

  /** An implementation's name, such as {@code brg_matmul:avx512_core}. */
  static String nameOf(matmul.primitive_desc descriptor) {
    return descriptor.impl_info_str().getString();
  }

  /**
   * The batch-reduce implementation (brg), which oneDNN has from AVX2 on, and for integers from
   * AVX-512 on. It is taken even where another comes first, as the blocked {@code gemm:jit} does
   * without AVX-512: in that one a row of floats depends on its place in the batch, and it is
   * slower besides. Integers are exact in any order, so there it may serve. The reference
   * implementations never do.
   *
   * @param descriptor at oneDNN's first choice; moved on
   * @param product what it multiplies, for the error
   * @throws TurboEsmException where there is none
   */
  static matmul.primitive_desc choose(
      matmul.primitive_desc descriptor, String product, boolean integers) {
    String first = nameOf(descriptor);
    while (!serves(nameOf(descriptor), integers)) {
      if (!descriptor.next_impl()) {
        throw new TurboEsmException(
            "oneDNN has no kernel for AVX2 or better on this processor ("
                + product
                + "), and its "
                + first
                + " is too slow or not reproducible; unset ONEDNN_MAX_CPU_ISA and"
                + " DNNL_MAX_CPU_ISA if they are set, or use --engine pytorch");
      }
    }
    return descriptor;
  }

  private static boolean serves(String implementation, boolean integers) {
    return implementation.startsWith("brg") || integers && implementation.startsWith("gemm:jit");
  }
}
