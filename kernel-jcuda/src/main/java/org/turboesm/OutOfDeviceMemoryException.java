package org.turboesm;

/**
 * A batch does not fit in the device's memory. The engine stays usable: a smaller batch may fit.
 *
 * <p>A call waits for the engine's other batches where they take the memory, and so does not fit by
 * itself when this is thrown; but for a call from within another one's observer, which cannot wait
 * ({@link #besideOthers}).
 */
public final class OutOfDeviceMemoryException extends TurboEsmException {
  private static final long serialVersionUID = 1L;

  private final boolean besideOthers;

  public OutOfDeviceMemoryException(String message) {
    super(message);
    this.besideOthers = false;
  }

  private OutOfDeviceMemoryException(OutOfDeviceMemoryException cause) {
    super(cause.getMessage(), cause);
    this.besideOthers = true;
  }

  /** The same, where others may have had the memory. */
  public OutOfDeviceMemoryException perhapsBesideOthers() {
    return new OutOfDeviceMemoryException(this);
  }

  /** Whether the engine's other batches may have had the memory, so that this one may fit alone. */
  public boolean besideOthers() {
    return besideOthers;
  }
}
