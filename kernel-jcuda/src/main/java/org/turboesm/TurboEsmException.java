package org.turboesm;

/**
 * An error a person reads: what was wrong, where, what was expected, and what to do. The command
 * line prints its message alone, without a stack trace.
 */
public class TurboEsmException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public TurboEsmException(String message) {
    super(message);
  }

  public TurboEsmException(String message, Throwable cause) {
    super(message, cause);
  }
}
