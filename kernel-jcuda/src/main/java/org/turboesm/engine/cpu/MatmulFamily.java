package org.turboesm.engine.cpu;

import java.util.concurrent.atomic.AtomicReferenceArray;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.matmul;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.post_ops;
import org.bytedeco.dnnl.primitive_attr;
import org.bytedeco.dnnl.reorder;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.turboesm.TurboEsmException;

/**
 * The kernels of one shape, a row count each, made when first asked for, and the layout they want
 * the weights in. Matrices have three dimensions, [1, rows, inputs] x [1, inputs, outputs]: the
 * quantized forms run at full speed in no other.
 */
@SuppressWarnings("try") // A PointerScope acts by being open.
final class MatmulFamily implements AutoCloseable {
  private static final memory.data_type F32 = memory.data_type.f32;

  /** Rows by which the weights' layout is chosen; oneDNN chooses the same for all. */
  private static final int LAYOUT_ROWS = 64;

  private static final String WANTED = "brg";

  private final OneDnn library;
  private final MatmulShape shape;
  private final memory.desc weightsLayout;
  private final String kernel;
  private final AtomicReferenceArray<MatmulKernel> kernels =
      new AtomicReferenceArray<>(RowBlocks.sizes());

  /** How many layers share this; kept by the owner. */
  private int users;

  MatmulFamily(OneDnn library, MatmulShape shape) {
    this.library = library;
    this.shape = shape;
    try (PointerScope scope = new PointerScope()) {
      matmul.primitive_desc descriptor = describe(LAYOUT_ROWS);
      weightsLayout = descriptor.weights_desc();
      weightsLayout.retainReference();
      kernel = nameOf(descriptor);
    }
  }

  MatmulShape shape() {
    return shape;
  }

  /** The implementation's name, such as {@code brg_matmul:avx512_core}. */
  String kernel() {
    return kernel;
  }

  void addUser() {
    users++;
  }

  /** Whether the last user is gone. */
  boolean removeUser() {
    return --users == 0;
  }

  /** The kernel for a {@linkplain RowBlocks#padded padded} number of rows. */
  MatmulKernel forRows(int rows) {
    MatmulKernel found = kernels.getAcquire(rows);
    return found == null ? make(rows) : found;
  }

  private synchronized MatmulKernel make(int rows) {
    MatmulKernel found = kernels.getAcquire(rows);
    if (found == null) {
      try (PointerScope scope = new PointerScope()) {
        matmul.primitive_desc descriptor = describe(rows);
        if (!descriptor.weights_desc().equals(weightsLayout)) {
          throw new TurboEsmException(
              "oneDNN wants other weights for "
                  + rows
                  + " rows than for "
                  + LAYOUT_ROWS
                  + " of a "
                  + shape
                  + " layer; use another engine on this processor");
        }
        found = new MatmulKernel(library, descriptor);
      }
      kernels.setRelease(rows, found);
    }
    return found;
  }

  /**
   * Packs weights.
   *
   * @param weight [outputs, inputs], row-major
   */
  NativeMemory packWeights(float[] weight) {
    try (PointerScope scope = new PointerScope()) {
      NativeMemory packed = NativeMemory.allocate(library, weightsLayout, "a layer's weights");
      try (NativeMemory plain =
          NativeMemory.allocate(
              library,
              layout(memory.format_tag.acb, 1, shape.inputs(), shape.outputs()),
              "a layer's weights while they are packed")) {
        new FloatPointer(plain.address()).put(weight, 0, weight.length);
        stream queue = new stream(library.processor());
        new reorder(plain.memory(), packed.memory())
            .execute(queue, plain.memory(), packed.memory());
        queue._wait();
      } catch (RuntimeException e) {
        packed.close();
        throw e;
      }
      return packed;
    }
  }

  /**
   * Makes a bias resident.
   *
   * @param bias [outputs]
   */
  NativeMemory packBias(float[] bias) {
    try (PointerScope scope = new PointerScope()) {
      NativeMemory packed =
          NativeMemory.allocate(
              library, layout(memory.format_tag.abc, 1, 1, shape.outputs()), "a layer's bias");
      new FloatPointer(packed.address()).put(bias, 0, bias.length);
      return packed;
    }
  }

  /**
   * The batch-reduce implementation (brg) for so many rows, which oneDNN has from AVX2 on. It is
   * taken even where another comes first, as the blocked {@code gemm:jit} does without AVX-512: in
   * that one a row's result depends on its place in the batch, and it is slower besides. The
   * weights' layout is left open each time, though known, since oneDNN 3.8.1 knows its own AVX2
   * layout only as its own choice.
   */
  private matmul.primitive_desc describe(int rows) {
    matmul.primitive_desc descriptor = offer(rows);
    String first = nameOf(descriptor);
    while (!nameOf(descriptor).startsWith(WANTED)) {
      if (!descriptor.next_impl()) {
        throw new TurboEsmException(
            "oneDNN has no kernel for AVX2 or better on this processor, and its "
                + first
                + " is too slow or not reproducible; unset ONEDNN_MAX_CPU_ISA and"
                + " DNNL_MAX_CPU_ISA if they are set, or use --engine pytorch");
      }
    }
    return descriptor;
  }

  private matmul.primitive_desc offer(int rows) {
    return new matmul.primitive_desc(
        library.processor(),
        layout(memory.format_tag.abc, 1, rows, shape.inputs()),
        layout(memory.format_tag.any, 1, shape.inputs(), shape.outputs()),
        layout(memory.format_tag.abc, 1, 1, shape.outputs()),
        layout(memory.format_tag.abc, 1, rows, shape.outputs()),
        attributes(),
        false);
  }

  private primitive_attr attributes() {
    primitive_attr attributes = new primitive_attr();
    attributes.set_scratchpad_mode(dnnl.scratchpad_mode.user.value);
    post_ops operations = new post_ops();
    switch (shape.epilogue()) {
      case NONE -> {}
      case GELU -> operations.append_eltwise(dnnl.algorithm.eltwise_gelu_erf.value, 0f, 0f);
      case ADD -> operations.append_sum();
    }
    attributes.set_post_ops(operations);
    return attributes;
  }

  private static memory.desc layout(memory.format_tag tag, long... sizes) {
    return new memory.desc(sizes, F32, tag);
  }

  private static String nameOf(matmul.primitive_desc descriptor) {
    return descriptor.impl_info_str().getString();
  }

  @Override
  public void close() {
    for (int rows = 0; rows < kernels.length(); rows++) {
      MatmulKernel made = kernels.getAndSet(rows, null);
      if (made != null) {
        made.close();
      }
    }
    weightsLayout.deallocate();
  }
}
