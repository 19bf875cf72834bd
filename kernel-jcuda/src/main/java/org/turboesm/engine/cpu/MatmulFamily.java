package org.turboesm.engine.cpu;

import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.matmul;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.post_ops;
import org.bytedeco.dnnl.primitive_attr;
import org.bytedeco.javacpp.PointerScope;
import org.turboesm.TurboEsmException;
import org.turboesm.esm2.LinearWeights;

/**
 * The kernels of one shape, a row count each, made when first asked for, and the layout they want
 * the weights in. Matrices have three dimensions, [1, rows, inputs] x [1, inputs, outputs]: the
 * quantized forms run at full speed in no other.
 *
 * <p>A quantized product is acc = sum(q w) in integers, then in f32: times the output's weight
 * scale, plus what the activations' shift owes, times the row's scale, plus the bias, GELU.
 */
@SuppressWarnings("try") // A PointerScope acts by being open.
final class MatmulFamily implements AutoCloseable {
  private static final memory.data_type F32 = memory.data_type.f32;

  /** Rows by which the weights' layout is chosen; oneDNN chooses the same for all. */
  private static final int LAYOUT_ROWS = 64;

  /** Bit 2: one weight scale for each of [1, inputs, outputs]'s outputs. */
  private static final int SCALE_PER_OUTPUT = 1 << 2;

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
      kernel = KernelChoice.nameOf(descriptor);
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

  /** Packs a layer's weights. */
  PackedWeights pack(LinearWeights plain) {
    return new WeightPacker(library, shape, weightsLayout).pack(plain);
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
        found = new MatmulKernel(library, descriptor, operands(descriptor, rows));
      }
      kernels.setRelease(rows, found);
    }
    return found;
  }

  /**
   * The kernel's description. The weights' layout is left open each time, though known, since
   * oneDNN 3.8.1 knows its own AVX2 layout only as its own choice.
   */
  private matmul.primitive_desc describe(int rows) {
    return KernelChoice.choose(
        offer(rows), shape.format() + " linear layer", shape.format().quantized());
  }

  private matmul.primitive_desc offer(int rows) {
    memory.desc input =
        layout(shape.format().activations(), memory.format_tag.abc, 1, rows, shape.inputs());
    memory.desc weights =
        layout(shape.format().weights(), memory.format_tag.any, 1, shape.inputs(), shape.outputs());
    memory.desc output = layout(shape.result(), memory.format_tag.abc, 1, rows, shape.outputs());
    if (shape.format().quantized()) {
      return new matmul.primitive_desc(
          library.processor(), input, weights, output, attributes(rows), false);
    }
    return new matmul.primitive_desc(
        library.processor(), input, weights, perOutput(), output, attributes(rows), false);
  }

  private primitive_attr attributes(int rows) {
    primitive_attr attributes = new primitive_attr();
    attributes.set_scratchpad_mode(dnnl.scratchpad_mode.user.value);
    post_ops operations = new post_ops();
    if (shape.format().quantized()) {
      attributes.set_scales_mask(dnnl.DNNL_ARG_WEIGHTS, SCALE_PER_OUTPUT);
      if (shifted()) {
        operations.append_binary(dnnl.algorithm.binary_add.value, perOutput());
      }
      operations.append_binary(dnnl.algorithm.binary_mul.value, perRow(rows));
      operations.append_binary(dnnl.algorithm.binary_add.value, perOutput());
    }
    if (shape.gelu()) {
      operations.append_eltwise(dnnl.algorithm.eltwise_gelu_erf.value, 0f, 0f);
    }
    attributes.set_post_ops(operations);
    return attributes;
  }

  private Map<MatmulArgument, MatmulOperand> operands(matmul.primitive_desc descriptor, int rows) {
    Map<MatmulArgument, MatmulOperand> operands = new EnumMap<>(MatmulArgument.class);
    operands.put(MatmulArgument.INPUT, new MatmulOperand(dnnl.DNNL_ARG_SRC, descriptor.src_desc()));
    operands.put(
        MatmulArgument.WEIGHTS,
        new MatmulOperand(dnnl.DNNL_ARG_WEIGHTS, descriptor.weights_desc()));
    operands.put(
        MatmulArgument.OUTPUT, new MatmulOperand(dnnl.DNNL_ARG_DST, descriptor.dst_desc()));
    operands.put(
        MatmulArgument.SCRATCHPAD,
        new MatmulOperand(dnnl.DNNL_ARG_SCRATCHPAD, descriptor.scratchpad_desc()));
    if (!shape.format().quantized()) {
      operands.put(
          MatmulArgument.BIAS, new MatmulOperand(dnnl.DNNL_ARG_BIAS, descriptor.bias_desc()));
      return operands;
    }
    operands.put(
        MatmulArgument.WEIGHT_SCALES,
        new MatmulOperand(
            dnnl.DNNL_ARG_ATTR_SCALES | dnnl.DNNL_ARG_WEIGHTS,
            layout(F32, memory.format_tag.a, shape.outputs())));
    int position = 0;
    if (shifted()) {
      operands.put(MatmulArgument.SHIFT, new MatmulOperand(postOperation(position++), perOutput()));
    }
    operands.put(
        MatmulArgument.ROW_SCALES, new MatmulOperand(postOperation(position++), perRow(rows)));
    operands.put(MatmulArgument.BIAS, new MatmulOperand(postOperation(position), perOutput()));
    return operands;
  }

  private boolean shifted() {
    return shape.format() == MatmulFormat.SHIFTED_INT7;
  }

  /** The number of the second argument of the binary post-operation at a position. */
  private static int postOperation(int position) {
    return dnnl.DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE * (position + 1) | dnnl.DNNL_ARG_SRC_1;
  }

  private memory.desc perOutput() {
    return layout(F32, memory.format_tag.abc, 1, 1, shape.outputs());
  }

  private static memory.desc perRow(int rows) {
    return layout(F32, memory.format_tag.abc, 1, rows, 1);
  }

  private static memory.desc layout(memory.data_type type, memory.format_tag tag, long... sizes) {
    return new memory.desc(sizes, type, tag);
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
