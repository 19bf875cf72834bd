package org.turboesm.engine.cpu;

import org.bytedeco.dnnl.memory;

/**
 * What decides a linear layer's kernels: layers that agree in it share them.
 *
 * @param gelu whether GELU follows the bias
 */
record MatmulShape(int inputs, int outputs, boolean gelu, MatmulFormat format) {

  /** The format of the result. */
  memory.data_type result() {
    return gelu ? format.intermediate() : memory.data_type.f32;
  }
}
