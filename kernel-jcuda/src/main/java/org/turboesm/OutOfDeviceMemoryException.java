package org.turboesm;

/**
 * A batch does not fit in the device's memory. The engine stays usable: a smaller batch may fit. It
 * is thrown only where the batch would not fit by itself: while other batches of the engine take
 * the memory, it waits for them.
 */
public final class OutOfDeviceMemoryException extends TurboEsmException {
  private static final long serialVersionUID = 1L;

  public OutOfDeviceMemoryException(String message) {
    super(message);
  }
}
