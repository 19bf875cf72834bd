package org.turboesm.udf;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Keeps costly values open between uses. A value is opened once, by whoever asks first, while the
 * others wait, and is shared by all who lease it. At most {@code idleLimit} values that nobody
 * leases stay open; the least recently leased are closed first, and before another value is opened.
 * Thread-safe.
 */
final class LeaseCache<K, V> implements AutoCloseable {
  private final int idleLimit;
  private final Consumer<V> closer;

  /** Least recently leased first. */
  private final Map<K, Entry<V>> entries = new LinkedHashMap<>(16, 0.75f, true);

  LeaseCache(int idleLimit, Consumer<V> closer) {
    this.idleLimit = idleLimit;
    this.closer = closer;
  }

  /**
   * @param opener called if the key's value is not open; what it throws is thrown here, and the
   *     next lease tries again
   */
  Lease<V> lease(K key, Supplier<V> opener) {
    Entry<V> entry;
    List<Entry<V>> evicted = List.of();
    synchronized (entries) {
      entry = entries.get(key);
      if (entry == null) {
        // Room first: two models may not fit side by side.
        evicted = evictIdle(idleLimit - 1);
        entry = new Entry<>();
        entries.put(key, entry);
      }
      entry.leases++;
    }
    closeAll(evicted);
    Entry<V> leased = entry;
    try {
      return new Lease<>(leased.open(opener), () -> release(leased));
    } catch (RuntimeException | Error e) {
      release(leased);
      throw e;
    }
  }

  private void release(Entry<V> entry) {
    List<Entry<V>> evicted;
    synchronized (entries) {
      entry.leases--;
      if (entry.leases == 0 && !entry.isOpen()) {
        entries.values().remove(entry);
      }
      evicted = evictIdle(idleLimit);
    }
    closeAll(evicted);
  }

  /** Takes idle entries out until no more than {@code limit} are left; the caller has the lock. */
  private List<Entry<V>> evictIdle(int limit) {
    long idle = entries.values().stream().filter(entry -> entry.leases == 0).count();
    List<Entry<V>> evicted = new ArrayList<>();
    Iterator<Entry<V>> oldestFirst = entries.values().iterator();
    while (idle > limit && oldestFirst.hasNext()) {
      Entry<V> entry = oldestFirst.next();
      if (entry.leases == 0) {
        oldestFirst.remove();
        evicted.add(entry);
        idle--;
      }
    }
    return evicted;
  }

  private void closeAll(List<Entry<V>> evicted) {
    evicted.forEach(entry -> entry.close(closer));
  }

  /** Closes every value that nobody leases. */
  @Override
  public void close() {
    List<Entry<V>> evicted;
    synchronized (entries) {
      evicted = evictIdle(0);
    }
    closeAll(evicted);
  }

  private static final class Entry<V> {
    private int leases;
    private V value;

    private synchronized V open(Supplier<V> opener) {
      if (value == null) {
        value = opener.get();
      }
      return value;
    }

    private synchronized boolean isOpen() {
      return value != null;
    }

    private synchronized void close(Consumer<V> closer) {
      closer.accept(value);
    }
  }
}
