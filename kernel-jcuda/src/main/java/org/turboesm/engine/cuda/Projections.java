package org.turboesm.engine.cuda;

import org.turboesm.cuda.DevicePointer;

/**
 * Queries, keys and values as their GEMM leaves them, and what finishes them: the counterpart of
 * {@code projections.cuh}.
 *
 * @param products [rows, 3, heads, headDim], without bias
 * @param rowScales [rows] floats, for int8; else null
 * @param columnScales [3, heads, headDim] floats, for int8; else null
 * @param bias [3, heads, headDim] floats
 * @param cosines [positions, headDim / 2] floats
 * @param sines [positions, headDim / 2] floats
 * @param queryScale what queries are multiplied by
 */
record Projections(
    DevicePointer products,
    DevicePointer rowScales,
    DevicePointer columnScales,
    DevicePointer bias,
    DevicePointer cosines,
    DevicePointer sines,
    float queryScale,
    int heads) {}
