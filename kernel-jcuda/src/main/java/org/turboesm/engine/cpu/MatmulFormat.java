package org.turboesm.engine.cpu;

import org.bytedeco.dnnl.memory;

/** The number formats of a matrix product's operands. Sums are f32, or exact integers. */
enum MatmulFormat {
  F32(memory.data_type.f32, memory.data_type.f32, memory.data_type.f32),

  BF16(memory.data_type.bf16, memory.data_type.bf16, memory.data_type.bf16),

  /** Eight bits with sign, a scale a row of activations and a scale an output of the weights. */
  INT8(memory.data_type.s8, memory.data_type.s8, memory.data_type.f32),

  /**
   * As INT8, with activations of seven bits, shifted to be unsigned. For processors without VNNI,
   * which add two products of an unsigned and a signed byte in sixteen bits and saturate: 2 * 127 *
   * 127 still fits.
   */
  SHIFTED_INT7(memory.data_type.u8, memory.data_type.s8, memory.data_type.f32);

  /** What is added to a shifted activation to make it unsigned. */
  static final int SHIFT = 64;

  private final memory.data_type activations;
  private final memory.data_type weights;
  private final memory.data_type intermediate;

  MatmulFormat(
      memory.data_type activations, memory.data_type weights, memory.data_type intermediate) {
    this.activations = activations;
    this.weights = weights;
    this.intermediate = intermediate;
  }

  memory.data_type activations() {
    return activations;
  }

  memory.data_type weights() {
    return weights;
  }

  /**
   * The format in which a layer followed by GELU leaves its result: the next layer's own where that
   * can read it as it is.
   */
  memory.data_type intermediate() {
    return intermediate;
  }

  boolean quantized() {
    return this == INT8 || this == SHIFTED_INT7;
  }
}
