package org.turboesm.cuda;

import java.util.concurrent.atomic.AtomicBoolean;
import jcuda.driver.CUgraphExec;
import jcuda.driver.JCudaDriver;

/** Recorded work of a stream; see {@link CudaStream#capture}. */
public final class CudaGraph implements AutoCloseable {
  private final CudaContext context;
  private final CUgraphExec executable;
  private final AtomicBoolean closed = new AtomicBoolean();

  CudaGraph(CudaContext context, CUgraphExec executable) {
    this.context = context;
    this.executable = executable;
  }

  /** Queues the recorded work. */
  public void launch(CudaStream stream) {
    context.check(JCudaDriver.cuGraphLaunch(executable, stream.handle()), () -> "cuGraphLaunch");
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      int status = JCudaDriver.cuGraphExecDestroy(executable);
      if (context.healthy()) {
        context.check(status, () -> "cuGraphExecDestroy");
      }
    }
  }
}
