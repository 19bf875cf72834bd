package org.turboesm.engine.cuda;

import java.util.ArrayDeque;
import java.util.Deque;
import org.turboesm.cuda.CudaContext;

/** The lanes of an engine that nobody uses at the moment, whichever pool they go to next. */
final class IdleLanes implements AutoCloseable {
  private final CudaContext context;
  private final Deque<Lane> lanes = new ArrayDeque<>();

  IdleLanes(CudaContext context) {
    this.context = context;
  }

  /** An idle lane, or a new one. */
  Lane take() {
    synchronized (lanes) {
      if (!lanes.isEmpty()) {
        return lanes.pop();
      }
    }
    return new Lane(context);
  }

  void giveBack(Lane lane) {
    synchronized (lanes) {
      lanes.push(lane);
    }
  }

  /** Frees all that idle lanes hold. */
  @Override
  public void close() {
    synchronized (lanes) {
      lanes.forEach(Lane::close);
      lanes.clear();
    }
  }
}
