package org.turboesm.engine.cuda;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Semaphore;
import org.turboesm.cuda.CudaContext;
import org.turboesm.engine.OutOfDeviceMemoryException;

/**
 * The lanes of an engine: so many passes run at a time, and beside them so many decode sessions;
 * who comes later waits. Work that finds no memory waits until it is alone and the others' memory
 * is freed, so that what fits in the device by itself is never turned away because of its
 * neighbours.
 *
 * <p>A session may need passes while it lasts, a pass never a session. Who wants to be alone
 * therefore waits for the sessions first, holding nothing.
 */
final class LanePool implements AutoCloseable {
  private final CudaContext context;
  private final int lanes;
  private final Semaphore passes;
  private final Semaphore sessions;
  private final Deque<Lane> idle = new ArrayDeque<>();

  /** Something done on a lane. */
  @FunctionalInterface
  interface Work<T> {
    /**
     * Does it. It may be called a second time if it throws {@link OutOfDeviceMemoryException},
     * which it does before anything else that can be seen from outside.
     */
    T on(Lane lane);
  }

  /** A lane and the permits to use it, given back by {@link #close}. */
  final class Lease implements AutoCloseable {
    private final Lane lane;
    private final int heldSessions;
    private int heldPasses;

    private Lease(int heldSessions, int heldPasses) {
      sessions.acquireUninterruptibly(heldSessions);
      passes.acquireUninterruptibly(heldPasses);
      this.heldSessions = heldSessions;
      this.heldPasses = heldPasses;
      try {
        context.makeCurrent();
        this.lane = take();
      } catch (RuntimeException | Error e) {
        release();
        throw e;
      }
    }

    Lane lane() {
      return lane;
    }

    /** Lets others pass again, while the session that was opened alone goes on. */
    private void keepSession() {
      passes.release(heldPasses);
      heldPasses = 0;
    }

    private void release() {
      passes.release(heldPasses);
      sessions.release(heldSessions);
    }

    @Override
    public void close() {
      synchronized (idle) {
        idle.push(lane);
      }
      release();
    }
  }

  /** A value that keeps its lane. */
  record Kept<T>(Lease lease, T value) {}

  /**
   * @param lanes passes at a time, and sessions
   */
  LanePool(CudaContext context, int lanes) {
    this.context = context;
    this.lanes = lanes;
    this.passes = new Semaphore(lanes, true);
    this.sessions = new Semaphore(lanes, true);
  }

  /** Runs a pass on a lane of its own. */
  <T> T run(Work<T> work) {
    try (Lease lease = new Lease(0, 1)) {
      return work.on(lease.lane());
    } catch (OutOfDeviceMemoryException e) {
      // Alone it may fit.
    }
    try (Lease alone = alone()) {
      return work.on(alone.lane());
    }
  }

  /** Opens a session, whose lane is left to the caller, who closes the lease. */
  <T> Kept<T> keep(Work<T> work) {
    try {
      return open(new Lease(1, 0), work);
    } catch (OutOfDeviceMemoryException e) {
      // Alone it may fit.
    }
    Kept<T> kept = open(alone(), work);
    kept.lease().keepSession();
    return kept;
  }

  private static <T> Kept<T> open(Lease lease, Work<T> work) {
    try {
      return new Kept<>(lease, work.on(lease.lane()));
    } catch (RuntimeException | Error e) {
      lease.close();
      throw e;
    }
  }

  /** A lane while there is no other work, and no memory but its own future one is taken. */
  private Lease alone() {
    Lease lease = new Lease(lanes, lanes);
    lease.lane().arena().close();
    synchronized (idle) {
      idle.forEach(lane -> lane.arena().close());
    }
    return lease;
  }

  private Lane take() {
    synchronized (idle) {
      if (!idle.isEmpty()) {
        return idle.pop();
      }
    }
    return new Lane(context);
  }

  /** Closes the lanes; none may be in use. */
  @Override
  public void close() {
    synchronized (idle) {
      idle.forEach(Lane::close);
      idle.clear();
    }
  }
}
