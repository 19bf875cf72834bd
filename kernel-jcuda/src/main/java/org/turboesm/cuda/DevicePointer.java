package org.turboesm.cuda;

import jcuda.driver.CUdeviceptr;

/** An address in a device's memory; what it points into is someone else's to close. */
public sealed interface DevicePointer permits DeviceBuffer, DeviceRange {

  /** The driver's form of the address. */
  CUdeviceptr handle();

  /** Bytes from the address on that belong to it. */
  long bytes();

  /**
   * A part of it.
   *
   * @throws IndexOutOfBoundsException if the part does not lie within
   */
  default DevicePointer range(long offset, long length) {
    if (offset < 0 || length < 0 || offset > bytes() || length > bytes() - offset) {
      throw new IndexOutOfBoundsException(
          length + " bytes at " + offset + " of " + bytes() + " on the device");
    }
    return new DeviceRange(handle().withByteOffset(offset), length);
  }
}
