package org.turboesm.engine.cuda;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;
import org.turboesm.OutOfDeviceMemoryException;
import org.turboesm.TurboEsmException;
import org.turboesm.cuda.CudaContext;

/**
 * The lanes of an engine. So many passes run at a time and so many sessions are open, and who comes
 * later waits. Who finds no memory waits until nobody else has a lane and frees what idle ones
 * hold, so that what fits in the device by itself is never turned away because of its neighbours.
 *
 * <p>A thread that has a lane and asks for another, as an observer of a pass does that calls the
 * engine, gets one more and waits for nobody: those it would wait for may be waiting for it. Where
 * it finds no memory it may give back what it has and {@linkplain #runAlone run alone}.
 */
final class LanePool implements AutoCloseable {
  private final CudaContext context;
  private final int lanes;
  private final Semaphore passes;
  private final Semaphore sessions;
  private final Map<Thread, Integer> held = new ConcurrentHashMap<>();
  private final Deque<Lane> idle = new ArrayDeque<>();
  private volatile Thread alone;

  /** Something that needs memory on a lane. */
  @FunctionalInterface
  interface Reservation<T> {
    /**
     * Makes room. Where it throws {@link OutOfDeviceMemoryException} it leaves nothing behind, and
     * it may be called a second time.
     */
    T on(Lane lane);
  }

  /** A lane and the permit to use it, given back by {@link #close}, in any thread. */
  final class Lease implements AutoCloseable {
    private final Lane lane;
    private final Runnable release;
    private final Thread owner = Thread.currentThread();

    private Lease(Lane lane, Runnable release) {
      this.lane = lane;
      this.release = release;
      hold();
    }

    @Override
    public void close() {
      release(owner);
      synchronized (idle) {
        idle.push(lane);
      }
      release.run();
    }
  }

  private void hold() {
    held.merge(Thread.currentThread(), 1, Integer::sum);
  }

  private void release(Thread owner) {
    held.computeIfPresent(owner, (thread, count) -> count == 1 ? null : count - 1);
  }

  /** A value that keeps its lane. */
  record Kept<T>(Lease lease, T value) {}

  /**
   * @param lanes passes at a time, and as many sessions
   */
  LanePool(CudaContext context, int lanes) {
    this.context = context;
    this.lanes = lanes;
    this.passes = new Semaphore(lanes, true);
    this.sessions = new Semaphore(lanes, true);
  }

  /**
   * Runs a pass on a lane of its own for as long as it takes.
   *
   * @param pass makes room and returns the rest, which is run once
   */
  <T> T run(Reservation<Supplier<T>> pass) {
    Kept<Supplier<T>> kept = reserve(passes, pass);
    try {
      return kept.value().get();
    } catch (RuntimeException | Error e) {
      // Before others may have the lane.
      kept.lease().lane.abandon();
      throw e;
    } finally {
      kept.lease().close();
    }
  }

  /** Makes room for a session and leaves the lane to the caller, who closes the lease. */
  <T> Kept<T> open(Reservation<T> session) {
    return reserve(sessions, session);
  }

  /** Runs work of a thread that has no lane, while nobody else has one. */
  <T> T runAlone(Supplier<T> work) {
    context.makeCurrent();
    if (held.containsKey(Thread.currentThread())) {
      throw new IllegalStateException("a thread that has a lane cannot wait for all");
    }
    // In the order of reserveAlone.
    passes.acquireUninterruptibly(lanes);
    sessions.acquireUninterruptibly(lanes);
    try {
      alone = Thread.currentThread();
      hold();
      freeIdle();
      return work.get();
    } finally {
      alone = null;
      release(Thread.currentThread());
      sessions.release(lanes);
      passes.release(lanes);
    }
  }

  private <T> Kept<T> reserve(Semaphore permits, Reservation<T> reservation) {
    context.makeCurrent();
    if (held.containsKey(Thread.currentThread())) {
      return reserveWithin(reservation);
    }
    permits.acquireUninterruptibly();
    try {
      return reserve(reservation, permits::release);
    } catch (OutOfDeviceMemoryException e) {
      return reserveAlone(permits, reservation);
    }
  }

  /** On one more lane of a thread that has one. */
  private <T> Kept<T> reserveWithin(Reservation<T> reservation) {
    try {
      return reserve(reservation, () -> {});
    } catch (OutOfDeviceMemoryException e) {
      freeIdle();
    }
    try {
      return reserve(reservation, () -> {});
    } catch (OutOfDeviceMemoryException e) {
      throw alone == Thread.currentThread() ? e : e.perhapsBesideOthers();
    }
  }

  /** While nobody else has a lane; they may come back when this has its room. */
  private <T> Kept<T> reserveAlone(Semaphore permits, Reservation<T> reservation) {
    // In this order whoever asks, and those who are waited for wait for nobody.
    passes.acquireUninterruptibly(lanes);
    sessions.acquireUninterruptibly(lanes);
    int surplus = lanes;
    try {
      freeIdle();
      Lane lane = firstLane();
      surplus = lanes - 1;
      return reserve(lane, reservation, permits::release);
    } finally {
      (permits == passes ? sessions : passes).release(lanes);
      permits.release(surplus);
    }
  }

  /** A lane where there is none: if that does not fit, no batch is small enough. */
  private Lane firstLane() {
    try {
      return new Lane(context);
    } catch (OutOfDeviceMemoryException e) {
      throw new TurboEsmException(
          context.device().describe()
              + " has no memory left for any batch; nvidia-smi lists who else uses it: "
              + e.getMessage(),
          e);
    }
  }

  private <T> Kept<T> reserve(Reservation<T> reservation, Runnable release) {
    Lane lane;
    try {
      lane = take();
    } catch (RuntimeException | Error e) {
      release.run();
      throw e;
    }
    return reserve(lane, reservation, release);
  }

  private <T> Kept<T> reserve(Lane lane, Reservation<T> reservation, Runnable release) {
    Lease lease = new Lease(lane, release);
    try {
      return new Kept<>(lease, reservation.on(lane));
    } catch (RuntimeException | Error e) {
      // It may have begun its work.
      lane.abandon();
      lease.close();
      throw e;
    }
  }

  private Lane take() {
    synchronized (idle) {
      if (!idle.isEmpty()) {
        return idle.pop();
      }
    }
    return new Lane(context);
  }

  private void freeIdle() {
    synchronized (idle) {
      while (!idle.isEmpty()) {
        idle.pop().close();
      }
    }
  }

  /** Frees the lanes; none may be in use. */
  @Override
  public void close() {
    freeIdle();
  }
}
