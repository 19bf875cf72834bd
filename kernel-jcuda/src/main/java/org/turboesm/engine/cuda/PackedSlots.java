package org.turboesm.engine.cuda;

import org.turboesm.cuda.DevicePointer;

/**
 * One layer's packed cache on the device, as {@code kv_cache.cuh} says.
 *
 * @param words [slots, wordsPerSlot]
 * @param valueScales [slots, heads, 32] bfloat16; null where no values are scaled by token
 * @param tails [sequences, heads, 2, headDim, 32] activations; null where there are none
 */
record PackedSlots(DevicePointer words, DevicePointer valueScales, DevicePointer tails) {}
