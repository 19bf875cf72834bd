package org.turboesm.engine.cpu;

/** What a linear layer's kernel reads and writes. */
enum MatmulArgument {
  /** [1, rows, inputs]. */
  INPUT,
  /** Packed as the kernel wants them. */
  WEIGHTS,
  /** [1, 1, outputs], f32. */
  BIAS,
  /** [1, rows, outputs]. */
  OUTPUT,
  SCRATCHPAD,
  /** [1, rows, 1], f32; of quantized kernels. */
  ROW_SCALES,
  /** [outputs], f32; of quantized kernels. */
  WEIGHT_SCALES,
  /** [1, 1, outputs], f32, what the shift of the activations adds; of shifted kernels. */
  SHIFT
}
