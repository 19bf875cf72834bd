package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.turboesm.TurboEsmException;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.KvPrecision;
import org.turboesm.engine.LockstepDecoder;
import org.turboesm.engine.Prefill;
import org.turboesm.engine.TurboEngine;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;

/** Devices that fail in the middle of their work. */
@Tag("cuda")
class CudaLostTest {
  private static final int MOST_PASSES = 20;

  @BeforeEach
  void onlyEmulated() {
    Emulator.assume();
  }

  /**
   * Runs all modes until one fails, closes everything and, without arguments, opens the model anew
   * and runs again. Prints how that went.
   */
  static final class RunUntilLost {
    public static void main(String[] arguments) throws Exception {
      Path folder = Files.createTempDirectory("model");
      TokenBatch batch = SmallModel.batch(34, 5);
      try (EsmWeights weights = SmallModel.weights(folder)) {
        EsmEngine engine = EsmEngines.open("cuda", "f32", weights);
        TurboEngine turbo = engine.turbo(SmallModel.codec());
        float[] first = runUntilItFails(engine, turbo, batch);
        System.out.println("healthy: " + engine.healthy());
        if (!engine.healthy()) {
          System.out.println("later: " + failure(engine, batch));
        }
        turbo.close();
        engine.close();
        System.out.println("closed");
        if (arguments.length > 0) {
          return;
        }
        try (EsmEngine anew = EsmEngines.open("cuda", "f32", weights)) {
          float[] again = anew.encode(batch, ForwardObserver.NONE);
          System.out.println("anew: " + anew.healthy() + ", same: " + Arrays.equals(first, again));
        }
      }
    }

    /** What the first pass gave; null where that one failed. */
    private static float[] runUntilItFails(EsmEngine engine, TurboEngine turbo, TokenBatch batch) {
      float[] first = null;
      try {
        first = engine.encode(batch, ForwardObserver.NONE);
        for (int i = 0; i < MOST_PASSES; i++) {
          engine.encode(batch, ForwardObserver.NONE);
          turbo.turbo(batch, ForwardObserver.NONE);
          LockstepDecoder.decode(turbo, batch, Prefill.parse("0.5"), KvPrecision.PACKED);
        }
        System.out.println("nothing failed");
      } catch (TurboEsmException e) {
        System.out.println(e.getClass().getSimpleName() + ": " + e.getMessage());
      }
      return first;
    }

    private static String failure(EsmEngine engine, TokenBatch batch) {
      try {
        engine.encode(batch, ForwardObserver.NONE);
        return "no failure";
      } catch (TurboEsmException e) {
        return e.getMessage();
      }
    }
  }

  /** A launch of an encode, of a later mode, a graph, a copy, and a wait. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          cuLaunchKernel:40:719      | launching kernel .* failed with CUDA_ERROR_LAUNCH_FAILED
          cuLaunchKernel:150:700     | launching kernel .* failed with CUDA_ERROR_ILLEGAL_ADDRESS
          cuGraphLaunch:2:719        | cuGraphLaunch failed with CUDA_ERROR_LAUNCH_FAILED
          cuMemcpyDtoHAsync:4:214    | from the device failed with CUDA_ERROR_ECC_UNCORRECTABLE
          cuStreamSynchronize:300:702 | cuStreamSynchronize failed with CUDA_ERROR_LAUNCH_TIMEOUT
          """)
  void lostDeviceIsToldAndTheModelCanBeOpenedAnew(String failure, String call) throws Exception {
    assertThat(Emulator.run(RunUntilLost.class, "FAIL", failure))
        .containsPattern("CudaException: .*" + call)
        .contains("the device's context is lost, so the model must be opened anew")
        .contains("healthy: false")
        .containsPattern("later: .*failed with CUDA_ERROR_")
        .contains("closed", "anew: true, same: true");
  }

  /** A driver that refuses to free what was lost. */
  @Test
  void closingALostDeviceThrowsNothingWhateverTheDriverSays() throws Exception {
    assertThat(
            Emulator.run(
                RunUntilLost.class,
                "FAIL",
                "cuLaunchKernel:6:719,cuMemFree:1+:719,cuMemFreeHost:1+:719,cuStreamDestroy:1+:719,"
                    + "cuModuleUnload:1+:719,cuDevicePrimaryCtxRelease:1+:719",
                "only close"))
        .contains("CudaException: launching kernel ", "healthy: false", "closed");
  }

  /** cuBLAS does not say that the context is lost: the driver is asked. */
  @Test
  void deviceLostInCublasIsToldToo() throws Exception {
    assertThat(
            Emulator.run(RunUntilLost.class, "FAIL", "cublasGemmEx:20:13,cuCtxSynchronize:1+:719"))
        .containsPattern(
            "CudaException: a product of [0-9]+ rows, [0-9]+ inputs and [0-9]+ outputs in F32"
                + " failed with CUBLAS_STATUS_EXECUTION_FAILED: cuCtxSynchronize failed with"
                + " CUDA_ERROR_LAUNCH_FAILED")
        .contains("context is lost", "healthy: false", "closed");
  }

  /** A failure that leaves the context as it was: the same engine goes on. */
  @Test
  void refusedLaunchIsNoLostDevice() throws Exception {
    assertThat(Emulator.run(RunUntilLost.class, "FAIL", "cuLaunchKernel:40:701"))
        .containsPattern(
            "CudaException: launching kernel \\w+ with LaunchConfig\\[gridX=.* and arguments \\[.*"
                + " failed with CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES")
        .doesNotContain("context is lost")
        .contains("healthy: true", "closed", "anew: true, same: true");
  }
}
