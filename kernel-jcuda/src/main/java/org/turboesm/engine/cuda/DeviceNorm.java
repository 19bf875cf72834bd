package org.turboesm.engine.cuda;

import org.turboesm.cuda.DevicePointer;

/**
 * Scale and shift of a LayerNorm on the device.
 *
 * @param weight floats, [hidden]
 * @param bias floats, [hidden]
 */
record DeviceNorm(DevicePointer weight, DevicePointer bias) {}
