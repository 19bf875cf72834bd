package org.turboesm.udf;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps costly values open between uses. A value is opened once, by whoever asks first, while the
 * others wait, and is shared by all who lease it. At most {@code idleLimit} values that nobody
 * leases stay open; the least recently leased are closed first, and before another value is opened.
 * A value that is no longer usable is not leased again: it is closed when its last lease ends, and
 * the next lease opens another. That one waits until then, for a device's context ends with its
 * last user: who opens it anew before gets the failed one. Thread-safe.
 */
final class LeaseCache<K, V> implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LeaseCache.class);

  private final int idleLimit;
  private final Predicate<V> usable;
  private final Consumer<V> closer;
  private final Duration patience;

  /** Values that have failed and are not closed yet. */
  private final Set<Entry<V>> failed = new HashSet<>();

  /** Least recently leased first. */
  private final Map<K, Entry<V>> entries = new LinkedHashMap<>(16, 0.75f, true);

  /**
   * @param patience how long a lease waits at most for those of a failed value to end
   */
  LeaseCache(int idleLimit, Predicate<V> usable, Consumer<V> closer, Duration patience) {
    this.patience = patience;
    this.idleLimit = idleLimit;
    this.usable = usable;
    this.closer = closer;
  }

  /**
   * @param opener called if the key's value is not open; what it throws is thrown here, and the
   *     next lease tries again
   */
  Lease<V> lease(K key, Supplier<V> opener) {
    Entry<V> entry;
    List<Entry<V>> evicted = new ArrayList<>();
    synchronized (entries) {
      entry = entries.get(key);
      if (entry != null && isBroken(entry)) {
        entries.remove(key);
        failed.add(entry);
        if (entry.leases == 0) {
          evicted.add(entry);
        }
      }
    }
    closeAll(evicted);
    evicted.clear();
    synchronized (entries) {
      awaitFailed();
      entry = entries.get(key);
      if (entry == null) {
        // Room first: two models may not fit side by side.
        evicted.addAll(evictIdle(idleLimit - 1));
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

  /** The caller has the lock, which is free while this waits. */
  private void awaitFailed() {
    long end = System.nanoTime() + patience.toNanos();
    try {
      for (long left = patience.toNanos();
          !failed.isEmpty() && left > 0;
          left = end - System.nanoTime()) {
        entries.wait(left / 1_000_000, (int) (left % 1_000_000));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void release(Entry<V> entry) {
    List<Entry<V>> evicted;
    synchronized (entries) {
      entry.leases--;
      boolean broken = isBroken(entry);
      if (broken) {
        failed.add(entry);
      }
      if (entry.leases == 0 && (broken || !entry.isOpen())) {
        entries.values().remove(entry);
      }
      evicted = evictIdle(idleLimit);
      if (entry.leases == 0 && broken) {
        evicted.add(entry);
      }
    }
    closeAll(evicted);
  }

  private boolean isBroken(Entry<V> entry) {
    V value = entry.value;
    return value != null && !usable.test(value);
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
    for (Entry<V> entry : evicted) {
      if (isBroken(entry)) {
        closeBroken(entry);
      } else {
        entry.close(closer);
      }
    }
  }

  /** What has failed may fail once more. */
  private void closeBroken(Entry<V> entry) {
    LOG.warn("{} has failed and is not used again", entry.value);
    try {
      entry.close(closer);
    } catch (RuntimeException e) {
      LOG.warn("{} could not be closed cleanly", entry.value, e);
    } finally {
      synchronized (entries) {
        failed.remove(entry);
        entries.notifyAll();
      }
    }
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
    private volatile V value;

    private synchronized V open(Supplier<V> opener) {
      if (value == null) {
        value = opener.get();
      }
      return value;
    }

    private boolean isOpen() {
      return value != null;
    }

    private synchronized void close(Consumer<V> closer) {
      closer.accept(value);
    }
  }
}
