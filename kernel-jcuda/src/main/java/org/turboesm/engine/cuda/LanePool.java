package org.turboesm.engine.cuda;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;
import org.turboesm.cuda.CudaContext;
import org.turboesm.engine.OutOfDeviceMemoryException;

/**
 * As many passes run at a time as a pool has lanes, and who comes later waits. A pass that finds no
 * memory waits until it is alone in the pool and frees what idle lanes hold, so that what fits in
 * the device by itself is never turned away because of its neighbours.
 *
 * <p>A thread that has a lane and asks for another, as an observer of a pass does that calls the
 * engine, gets one beyond the pool's and waits for nobody: those it would wait for may be waiting
 * for it.
 */
final class LanePool {
  private final CudaContext context;
  private final IdleLanes idle;
  private final int lanes;
  private final Semaphore permits;
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

  /** A lane and the permits to use it, given back by {@link #close}, in any thread. */
  final class Lease implements AutoCloseable {
    private final Lane lane;
    private final int permitsHeld;
    private final Thread owner = Thread.currentThread();

    private Lease(Lane lane, int permitsHeld) {
      this.lane = lane;
      this.permitsHeld = permitsHeld;
      held.merge(owner, 1, Integer::sum);
    }

    Lane lane() {
      return lane;
    }

    @Override
    public void close() {
      held.computeIfPresent(owner, (thread, count) -> count == 1 ? null : count - 1);
      idle.giveBack(lane);
      permits.release(permitsHeld);
    }
  }

  /** A value that keeps its lane. */
  record Kept<T>(Lease lease, T value) {}

  LanePool(CudaContext context, IdleLanes idle, int lanes) {
    this.context = context;
    this.idle = idle;
    this.lanes = lanes;
    this.permits = new Semaphore(lanes, true);
  }

  /**
   * Runs a pass on a lane of its own for as long as it takes.
   *
   * @param pass makes room and returns the rest, which is run once
   */
  <T> T run(Reservation<Supplier<T>> pass) {
    Kept<Supplier<T>> kept = keep(pass);
    try {
      return kept.value().get();
    } finally {
      kept.lease().close();
    }
  }

  /** Makes room on a lane and leaves that to the caller, who closes the lease. */
  <T> Kept<T> keep(Reservation<T> reservation) {
    try {
      return reserve(reservation, 1);
    } catch (OutOfDeviceMemoryException e) {
      return reserve(reservation, lanes);
    }
  }

  private <T> Kept<T> reserve(Reservation<T> reservation, int wanted) {
    // Permits of a fair semaphore are waited for even if none is asked for.
    int permitsHeld = held.containsKey(Thread.currentThread()) ? 0 : wanted;
    if (permitsHeld > 0) {
      permits.acquireUninterruptibly(permitsHeld);
    }
    Lease lease;
    try {
      context.makeCurrent();
      if (wanted == lanes) {
        idle.close();
      }
      lease = new Lease(idle.take(), permitsHeld);
    } catch (RuntimeException | Error e) {
      permits.release(permitsHeld);
      throw e;
    }
    try {
      return new Kept<>(lease, reservation.on(lease.lane()));
    } catch (RuntimeException | Error e) {
      lease.close();
      throw e;
    }
  }
}
