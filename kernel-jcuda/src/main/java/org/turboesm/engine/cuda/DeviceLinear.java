package org.turboesm.engine.cuda;

import org.turboesm.cuda.DevicePointer;

/**
 * A linear layer on the device.
 *
 * @param weight [outputs, inputs], in the GEMM's input format
 * @param bias floats, [outputs]
 * @param scales floats, [outputs], of int8 weights; null otherwise
 */
record DeviceLinear(
    int inputs, int outputs, DevicePointer weight, DevicePointer bias, DevicePointer scales) {

  /** What this layer's GEMM leaves, as the kernels behind it read it. */
  Product product(DevicePointer values, LinearInput input) {
    return new Product(values, input.scales(), scales, bias);
  }
}
