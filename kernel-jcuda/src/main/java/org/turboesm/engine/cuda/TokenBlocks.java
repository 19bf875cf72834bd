package org.turboesm.engine.cuda;

import org.turboesm.cuda.DevicePointer;

/**
 * Where a batch's blocks of 32 tokens are, and where they go.
 *
 * @param entries [count, 4] ints: the first row in the batch, tokens from 1 to 32, the slot, and
 *     the sequence whose tail takes the block instead, or -1
 */
record TokenBlocks(DevicePointer entries, int count) {}
