package org.turboesm.engine.cuda;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Semaphore;
import org.turboesm.cuda.CudaContext;
import org.turboesm.engine.OutOfDeviceMemoryException;

/**
 * The lanes of an engine: as many passes run at a time as there are lanes, and who comes later
 * waits. A pass that finds no memory waits until it is alone and the others' memory is freed, so
 * that what fits in the device by itself is never turned away because of its neighbours.
 */
final class LanePool implements AutoCloseable {
  private final CudaContext context;
  private final int lanes;
  private final Semaphore permits;
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
    private final int held;

    private Lease(Lane lane, int held) {
      this.lane = lane;
      this.held = held;
    }

    Lane lane() {
      return lane;
    }

    @Override
    public void close() {
      giveBack(lane);
      permits.release(held);
    }
  }

  /** A value that keeps its lane. */
  record Kept<T>(Lease lease, T value) {}

  LanePool(CudaContext context, int lanes) {
    this.context = context;
    this.lanes = lanes;
    this.permits = new Semaphore(lanes, true);
  }

  /** Runs work on a lane of its own for as long as it takes. */
  <T> T run(Work<T> work) {
    Kept<T> kept = keep(work);
    kept.lease().close();
    return kept.value();
  }

  /** Runs work and leaves its lane to the caller, who closes the lease. */
  <T> Kept<T> keep(Work<T> work) {
    Lease lease = lease(1);
    try {
      return new Kept<>(lease, work.on(lease.lane()));
    } catch (OutOfDeviceMemoryException e) {
      lease.close();
    } catch (RuntimeException | Error e) {
      lease.close();
      throw e;
    }
    Lease alone = lease(lanes);
    try {
      freeIdle();
      alone.lane().arena().close();
      return new Kept<>(alone, work.on(alone.lane()));
    } catch (RuntimeException | Error e) {
      alone.close();
      throw e;
    }
  }

  private Lease lease(int held) {
    permits.acquireUninterruptibly(held);
    try {
      context.makeCurrent();
      return new Lease(take(), held);
    } catch (RuntimeException | Error e) {
      permits.release(held);
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

  private void giveBack(Lane lane) {
    synchronized (idle) {
      idle.push(lane);
    }
  }

  /** Frees the memory of lanes that nobody uses. */
  void freeIdle() {
    synchronized (idle) {
      idle.forEach(lane -> lane.arena().close());
    }
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
