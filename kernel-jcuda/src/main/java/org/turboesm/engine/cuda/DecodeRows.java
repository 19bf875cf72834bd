package org.turboesm.engine.cuda;

import org.turboesm.cuda.DevicePointer;

/**
 * Which sequences a decode step's rows are, and where their caches lie.
 *
 * @param rows of the step, padding too
 * @param sequences [rows]; no sequence twice, -1 for rows that are padding
 * @param kvLens [sequences], tokens in the cache
 * @param firstSlots [sequences]
 */
record DecodeRows(
    int rows, DevicePointer sequences, DevicePointer kvLens, DevicePointer firstSlots) {}
