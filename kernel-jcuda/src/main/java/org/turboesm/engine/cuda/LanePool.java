package org.turboesm.engine.cuda;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;
import org.turboesm.cuda.CudaContext;
import org.turboesm.engine.OutOfDeviceMemoryException;

/**
 * As many passes run at a time as a pool has lanes, and beside them as many decode sessions are
 * open; who comes later waits. What finds no memory waits until it is alone and frees what idle
 * lanes hold, so that what fits in the device by itself is never turned away because of its
 * neighbours.
 *
 * <p>A thread that has a lane and asks for another, as an observer of a pass does that calls the
 * engine, gets one beyond the pool's and waits for nobody: those it would wait for may be waiting
 * for it. All others wait for sessions first and then for passes, which end without waiting.
 */
final class LanePool {
  private final CudaContext context;
  private final IdleLanes idle;
  private final int lanes;
  private final Semaphore sessions;
  private final Semaphore passes;
  private final Map<Thread, Integer> held = new ConcurrentHashMap<>();

  /** Something that needs memory on a lane. */
  @FunctionalInterface
  interface Reservation<T> {
    /**
     * Makes room. Where it throws {@link OutOfDeviceMemoryException} it leaves nothing behind, and
     * it may be called a second time.
     */
    T on(Lane lane);
  }

  /** Permits of the two kinds. */
  private record Permits(int sessions, int passes) {}

  /** A lane and the permits to use it, given back by {@link #close}, in any thread. */
  final class Lease implements AutoCloseable {
    private final Lane lane;
    private final Thread owner = Thread.currentThread();
    private Permits permits;

    private Lease(Lane lane, Permits permits) {
      this.lane = lane;
      this.permits = permits;
      held.merge(owner, 1, Integer::sum);
    }

    Lane lane() {
      return lane;
    }

    /** Lets others pass again, while a session that was opened alone goes on. */
    private void letOthersPass() {
      LanePool.this.passes.release(permits.passes());
      permits = new Permits(permits.sessions(), 0);
    }

    @Override
    public void close() {
      held.computeIfPresent(owner, (thread, count) -> count == 1 ? null : count - 1);
      idle.giveBack(lane);
      release(permits);
    }
  }

  /** A value that keeps its lane. */
  record Kept<T>(Lease lease, T value) {}

  LanePool(CudaContext context, IdleLanes idle, int lanes) {
    this.context = context;
    this.idle = idle;
    this.lanes = lanes;
    this.sessions = new Semaphore(lanes, true);
    this.passes = new Semaphore(lanes, true);
  }

  /**
   * Runs a pass on a lane of its own for as long as it takes.
   *
   * @param pass makes room and returns the rest, which is run once
   */
  <T> T run(Reservation<Supplier<T>> pass) {
    Kept<Supplier<T>> kept = reserve(pass, new Permits(0, 1));
    try {
      return kept.value().get();
    } finally {
      kept.lease().close();
    }
  }

  /** Makes room for a session on a lane and leaves that to the caller, who closes the lease. */
  <T> Kept<T> keep(Reservation<T> session) {
    Kept<T> kept = reserve(session, new Permits(1, 0));
    kept.lease().letOthersPass();
    return kept;
  }

  private <T> Kept<T> reserve(Reservation<T> reservation, Permits permits) {
    try {
      return on(acquire(permits), reservation);
    } catch (OutOfDeviceMemoryException e) {
      Lease alone = acquire(new Permits(lanes, lanes));
      // What this lane and the idle ones held is free again.
      alone.lane().arena().close();
      idle.close();
      return on(alone, reservation);
    }
  }

  private static <T> Kept<T> on(Lease lease, Reservation<T> reservation) {
    try {
      return new Kept<>(lease, reservation.on(lease.lane()));
    } catch (RuntimeException | Error e) {
      lease.close();
      throw e;
    }
  }

  private Lease acquire(Permits wanted) {
    Permits permits = held.containsKey(Thread.currentThread()) ? new Permits(0, 0) : wanted;
    // A fair semaphore is waited for even if no permit of it is asked for.
    if (permits.sessions() > 0) {
      sessions.acquireUninterruptibly(permits.sessions());
    }
    if (permits.passes() > 0) {
      passes.acquireUninterruptibly(permits.passes());
    }
    try {
      context.makeCurrent();
      return new Lease(idle.take(), permits);
    } catch (RuntimeException | Error e) {
      release(permits);
      throw e;
    }
  }

  private void release(Permits permits) {
    sessions.release(permits.sessions());
    passes.release(permits.passes());
  }
}
