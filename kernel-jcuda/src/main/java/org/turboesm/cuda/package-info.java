/**
 * The device layer: contexts, memory, streams, kernels compiled at start, and cuBLAS, through
 * JCuda's driver API. It knows nothing of proteins. Every status is checked; errors name the call,
 * and for a launch the kernel, its grid and its arguments.
 */
package org.turboesm.cuda;
