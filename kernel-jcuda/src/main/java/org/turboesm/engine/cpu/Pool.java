package org.turboesm.engine.cpu;

import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.function.Supplier;

/**
 * Native objects lent to one thread at a time. There come to be as many as threads ever held one at
 * once; the last returned is lent first, as its memory is the likeliest to be in a cache.
 */
final class Pool<T extends AutoCloseable> {
  private final Supplier<T> maker;
  private final ConcurrentLinkedDeque<T> idle = new ConcurrentLinkedDeque<>();

  Pool(Supplier<T> maker) {
    this.maker = maker;
  }

  T take() {
    T item = idle.pollFirst();
    return item == null ? maker.get() : item;
  }

  void giveBack(T item) {
    idle.addFirst(item);
  }

  /** Closes all; none may be lent. The pool may be used again. */
  void drain(Closer<T> closer) {
    for (T item = idle.pollFirst(); item != null; item = idle.pollFirst()) {
      closer.close(item);
    }
  }

  /** A close without a checked exception. */
  interface Closer<T> {
    void close(T item);
  }
}
