package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.turboesm.cuda.CudaContext;
import org.turboesm.cuda.CudaDriver;
import org.turboesm.cuda.CudaException;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.cuda.PinnedBuffer;
import org.turboesm.engine.DecodeSession;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.KvPrecision;
import org.turboesm.engine.TurboEngine;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;

/**
 * Work that fails on the host's side while the device is behind: it is waited for before its lane
 * is another's. Here the device does nothing before something waits for it.
 */
@Tag("cuda")
class FailedWorkTest {
  @BeforeEach
  void onlyEmulated() {
    Emulator.assume();
  }

  @Test
  void laneOfFailedWorkIsGivenBackWhenTheDeviceIsDone() throws Exception {
    assertThat(Emulator.run(QueueAndFail.class, "STREAMS", "late"))
        .contains("room of a pass: 1", "pass: 2", "room of a session: 3");
  }

  /** Queues copies on lanes and fails, and prints what has arrived when the failure is told. */
  static final class QueueAndFail {
    public static void main(String[] arguments) {
      try (CudaContext context = CudaContext.open(CudaDriver.get().device(0));
          LanePool pool = new LanePool(context, 1);
          DeviceBuffer source = DeviceBuffer.of(context, new int[] {1, 2, 3}, "a test");
          PinnedBuffer target = new PinnedBuffer(context, Integer.BYTES)) {
        print("room of a pass", target, () -> pool.run(lane -> fail(lane, source, 0, target)));
        print("pass", target, () -> pool.run(lane -> () -> fail(lane, source, 1, target)));
        print("room of a session", target, () -> pool.open(lane -> fail(lane, source, 2, target)));
      }
    }

    private static <T> T fail(Lane lane, DeviceBuffer source, int element, PinnedBuffer target) {
      int offset = element * Integer.BYTES;
      lane.stream().copy(source.range(offset, Integer.BYTES), target, Integer.BYTES);
      throw new IllegalStateException("the copy is queued");
    }

    private static void print(String what, PinnedBuffer target, Runnable work) {
      try {
        work.run();
      } catch (IllegalStateException e) {
        System.out.println(what + ": " + target.ints().get(0));
      }
    }
  }

  /**
   * The step's result cannot be fetched, and nobody has waited for its kernels yet, which read
   * where no memory is. Closing finds the device lost, which is no error of closing.
   */
  @Test
  void sessionOfAFailedStepIsClosedWhenTheDeviceIsDone() throws Exception {
    assertThat(
            Emulator.run(
                StepAndFail.class,
                Map.of(
                    "TURBOESM_EMULATOR_STREAMS",
                    "late",
                    "TURBOESM_EMULATOR_FAIL",
                    "cuMemcpyDtoHAsync:2:701")))
        .containsPattern("step: copying [0-9]+ bytes from the device failed with CUDA_ERROR_LAUNCH")
        .contains("healthy before: true", "closed: true", "healthy after: false");
  }

  /** Prefills, the first copy to the host, and decodes a token that is none, the second. */
  static final class StepAndFail {
    private static final int NO_TOKEN = 1 << 29;

    public static void main(String[] arguments) throws Exception {
      Path folder = Files.createTempDirectory("model");
      TokenBatch prefix = SmallModel.batch(6);
      try (EsmWeights weights = SmallModel.weights(folder);
          EsmEngine engine = EsmEngines.open("cuda", "f32", weights);
          TurboEngine turbo = engine.turbo(SmallModel.codec())) {
        DecodeSession session =
            turbo.prefill(prefix, new int[] {10}, KvPrecision.PACKED, ForwardObserver.NONE);
        try {
          session.decode(new int[] {0}, new int[] {NO_TOKEN}, ForwardObserver.NONE);
        } catch (CudaException e) {
          System.out.println("step: " + e.getMessage());
        }
        System.out.println("healthy before: " + engine.healthy());
        System.out.println("closed: " + closes(session));
        System.out.println("healthy after: " + engine.healthy());
      }
    }

    private static boolean closes(DecodeSession session) {
      try {
        session.close();
        return true;
      } catch (CudaException e) {
        System.out.println(e.getMessage());
        return false;
      }
    }
  }
}
