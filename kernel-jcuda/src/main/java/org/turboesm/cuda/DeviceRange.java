package org.turboesm.cuda;

import jcuda.driver.CUdeviceptr;

/** A part of a buffer. */
record DeviceRange(CUdeviceptr handle, long bytes) implements DevicePointer {}
