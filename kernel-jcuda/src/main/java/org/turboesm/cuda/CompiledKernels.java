package org.turboesm.cuda;

import java.util.List;

/**
 * Machine code for one architecture.
 *
 * @param cubin what the driver loads
 * @param signatures of its kernels
 */
record CompiledKernels(byte[] cubin, List<KernelSignature> signatures) {}
