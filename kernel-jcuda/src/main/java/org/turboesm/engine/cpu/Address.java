package org.turboesm.engine.cpu;

import org.bytedeco.javacpp.Pointer;

/** A place in native memory that another owns; moved from call to call, so that none is made. */
final class Address extends Pointer {

  /** Points so many bytes behind the start of {@code base}. */
  Address at(Pointer base, long bytes) {
    address = base.address() + bytes;
    return this;
  }
}
