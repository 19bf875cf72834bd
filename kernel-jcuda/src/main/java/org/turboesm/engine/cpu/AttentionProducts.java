package org.turboesm.engine.cpu;

import java.util.EnumMap;
import java.util.Map;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.matmul;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.post_ops;
import org.bytedeco.dnnl.primitive_attr;
import org.bytedeco.javacpp.PointerScope;

/**
 * The two matrix products of attention for one kind of tile, exp(Q K^T) and its product with the
 * values, and the sums of the former's rows.
 */
@SuppressWarnings("try") // A PointerScope acts by being open.
final class AttentionProducts implements AutoCloseable {
  private final OneDnn library;
  private final MatmulKernel weights;
  private final MatmulKernel outputs;
  private final RowSums sums;

  /**
   * Compiles.
   *
   * @param type of queries, keys, values and weights
   */
  AttentionProducts(
      OneDnn library, memory.data_type type, AttentionTiles tiles, int heads, int headDim) {
    this.library = library;
    int group = tiles.headsAtOnce();
    int queries = tiles.queriesAtOnce();
    int keys = tiles.keys();
    int hidden = heads * headDim;
    try (PointerScope scope = new PointerScope()) {
      memory.desc query = layout(type, new long[] {group, queries, headDim}, headDim, hidden, 1);
      memory.desc key = layout(type, new long[] {group, headDim, keys}, headDim, 1, hidden);
      memory.desc weight =
          layout(type, new long[] {group, queries, keys}, (long) queries * keys, keys, 1);
      memory.desc value = layout(type, new long[] {group, keys, headDim}, headDim, hidden, 1);
      memory.desc output =
          layout(
              memory.data_type.f32,
              new long[] {group, queries, headDim},
              (long) queries * headDim,
              headDim,
              1);
      weights = compile(query, key, weight, true);
      outputs = compile(weight, value, output, false);
      sums = new RowSums(library, type, group * queries, keys);
    }
  }

  private MatmulKernel compile(
      memory.desc input, memory.desc other, memory.desc output, boolean exponential) {
    primitive_attr attributes = new primitive_attr();
    attributes.set_scratchpad_mode(dnnl.scratchpad_mode.user.value);
    if (exponential) {
      post_ops operations = new post_ops();
      operations.append_eltwise(dnnl.algorithm.eltwise_exp.value, 0f, 0f);
      attributes.set_post_ops(operations);
    }
    matmul.primitive_desc descriptor =
        KernelChoice.choose(
            new matmul.primitive_desc(library.processor(), input, other, output, attributes, false),
            "attention",
            false);
    Map<MatmulArgument, MatmulOperand> operands = new EnumMap<>(MatmulArgument.class);
    operands.put(MatmulArgument.INPUT, new MatmulOperand(dnnl.DNNL_ARG_SRC, input));
    operands.put(MatmulArgument.WEIGHTS, new MatmulOperand(dnnl.DNNL_ARG_WEIGHTS, other));
    operands.put(MatmulArgument.OUTPUT, new MatmulOperand(dnnl.DNNL_ARG_DST, output));
    operands.put(
        MatmulArgument.SCRATCHPAD,
        new MatmulOperand(dnnl.DNNL_ARG_SCRATCHPAD, descriptor.scratchpad_desc()));
    return new MatmulKernel(library, descriptor, operands);
  }

  /** exp(Q K^T), [heads, queries, keys], of a tile. */
  MatmulKernel weights() {
    return weights;
  }

  /** Its product with the values, [heads, queries, headDim]. */
  MatmulKernel outputs() {
    return outputs;
  }

  /** The sums of its rows, [heads * queries]. */
  RowSums sums() {
    return sums;
  }

  private static memory.desc layout(memory.data_type type, long[] sizes, long... strides) {
    return new memory.desc(sizes, type, strides);
  }

  @Override
  public void close() {
    weights.close();
    outputs.close();
    sums.close();
  }
}
