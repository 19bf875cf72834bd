package org.turboesm.udf;

import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The use of something that others use too. It stays open at least until {@link #close()}, which
 * may be called more than once.
 */
public final class Lease<V> implements AutoCloseable {
  private final V value;
  private final Runnable release;
  private final AtomicBoolean closed = new AtomicBoolean();

  Lease(V value, Runnable release) {
    this.value = value;
    this.release = release;
  }

  public V value() {
    return value;
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      release.run();
    }
  }
}
