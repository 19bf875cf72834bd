package org.turboesm.engine.cuda;

import org.turboesm.cuda.DevicePointer;

/**
 * Queries, keys and values as their GEMM leaves them, and what finishes them: the counterpart of
 * {@code projections.cuh}.
 *
 * @param product [rows, 3, heads, headDim]: queries, keys, values
 * @param cosines [positions, headDim / 2] floats
 * @param sines [positions, headDim / 2] floats
 * @param queryScale what queries are multiplied by
 */
record Projections(
    Product product, DevicePointer cosines, DevicePointer sines, float queryScale, int heads) {}
