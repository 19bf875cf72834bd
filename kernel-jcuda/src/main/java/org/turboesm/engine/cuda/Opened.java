package org.turboesm.engine.cuda;

import java.util.ArrayDeque;
import java.util.Deque;

/** What was opened so far, to be closed in reverse. */
final class Opened implements AutoCloseable {
  private final Deque<AutoCloseable> resources = new ArrayDeque<>();

  <T extends AutoCloseable> T add(T resource) {
    resources.push(resource);
    return resource;
  }

  /** Closes everything because of an error, and returns that. */
  <E extends RuntimeException> E closedAfter(E error) {
    try {
      close();
    } catch (RuntimeException e) {
      error.addSuppressed(e);
    }
    return error;
  }

  /** Closes everything, whatever fails, and throws the first error. */
  @Override
  public void close() {
    RuntimeException first = null;
    while (!resources.isEmpty()) {
      try {
        resources.pop().close();
      } catch (Exception e) {
        RuntimeException error =
            e instanceof RuntimeException unchecked ? unchecked : new IllegalStateException(e);
        if (first == null) {
          first = error;
        } else {
          first.addSuppressed(error);
        }
      }
    }
    if (first != null) {
      throw first;
    }
  }
}
