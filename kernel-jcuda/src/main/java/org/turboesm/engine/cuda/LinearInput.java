package org.turboesm.engine.cuda;

import org.turboesm.cuda.DevicePointer;

/**
 * What the GEMM of a linear layer will read.
 *
 * @param values [rows, columns], in the precision's format of linear inputs
 * @param scales floats, [rows]: a row's values times its scale are what it stands for; null but for
 *     int8
 */
record LinearInput(DevicePointer values, DevicePointer scales) {}
