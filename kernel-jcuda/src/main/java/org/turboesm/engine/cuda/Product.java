package org.turboesm.engine.cuda;

import org.turboesm.cuda.DevicePointer;

/**
 * What the GEMM of a linear layer has written.
 *
 * @param values [rows, columns], in the precision's product format, without bias
 * @param rowScales floats, [rows], of the GEMM's input rows; null but for int8
 * @param columnScales floats, [columns], of the weights' output channels; null but for int8
 * @param bias floats, [columns], not yet added
 */
record Product(
    DevicePointer values,
    DevicePointer rowScales,
    DevicePointer columnScales,
    DevicePointer bias) {}
