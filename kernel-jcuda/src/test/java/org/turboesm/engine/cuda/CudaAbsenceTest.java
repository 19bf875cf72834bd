package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.turboesm.TurboEsmException;
import org.turboesm.engine.EsmEngines;

/** Machines on which the engine cannot run: each says why and what to do. */
@Tag("cuda")
class CudaAbsenceTest {
  private static final String DRIVER = "libcuda.so.1";
  private static final String COMPILER = "libnvrtc.so.12";
  private static final String BLAS = "libcublas.so.12";

  @TempDir Path folder;

  @BeforeEach
  void onlyEmulated() {
    Emulator.assume();
  }

  /** Prints why the engine cannot run. */
  static final class PrintReason {
    public static void main(String[] arguments) {
      System.out.println(new CudaEngineProvider().unavailable().orElse("available"));
    }
  }

  /** Prints the engine that a name selects, or why it selects none. */
  static final class Select {
    public static void main(String[] arguments) {
      try {
        System.out.println("selected " + EsmEngines.select(arguments[0]).name());
      } catch (TurboEsmException e) {
        System.out.println("refused: " + e.getMessage());
      }
    }
  }

  private Map<String, String> libraries(String... names) throws IOException {
    for (String name : names) {
      Files.copy(Path.of(Emulator.LIBRARIES, name), folder.resolve(name));
    }
    return Map.of("LD_LIBRARY_PATH", folder.toString());
  }

  @Test
  void withAllLibrariesItRuns() throws Exception {
    assertThat(Emulator.run(PrintReason.class, libraries(DRIVER, COMPILER, BLAS)))
        .isEqualToIgnoringNewLines("available");
  }

  @Test
  void withoutDriverItSaysWhereItWasLookedForAndWhatBringsIt() throws Exception {
    assertThat(Emulator.run(PrintReason.class, libraries(COMPILER, BLAS)))
        .startsWith("there is no NVIDIA driver: libcuda.so.1 is in none of " + folder)
        .contains("it comes with NVIDIA's driver: install that")
        .contains("name its folder in TURBOESM_CUDA_LIBRARIES or LD_LIBRARY_PATH");
  }

  @Test
  void withoutNvrtcItSaysWhereItWasLookedForAndWhatBringsIt() throws Exception {
    assertThat(Emulator.run(PrintReason.class, libraries(DRIVER, BLAS)))
        .startsWith("kernels cannot be compiled: libnvrtc.so.12 is in none of " + folder)
        .contains("CUDA 12 toolkit", "nvidia-cuda-nvrtc-cu12", "TURBOESM_CUDA_LIBRARIES");
  }

  @Test
  void withoutCublasItSaysWhereItWasLookedForAndWhatBringsIt() throws Exception {
    assertThat(Emulator.run(PrintReason.class, libraries(DRIVER, COMPILER)))
        .startsWith("matrices cannot be multiplied: libcublas.so.12 is in none of " + folder)
        .contains("CUDA 12 toolkit", "nvidia-cublas-cu12", "TURBOESM_CUDA_LIBRARIES");
  }

  @Test
  void driverThatIsNoLibraryIsNamed() throws Exception {
    Map<String, String> environment = libraries(COMPILER, BLAS);
    Files.writeString(folder.resolve(DRIVER), "no library");

    assertThat(Emulator.run(PrintReason.class, environment))
        .startsWith("there is no NVIDIA driver: " + folder.resolve(DRIVER) + " cannot be loaded: ");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          DRIVER_VERSION     | 11080 | the NVIDIA driver is of CUDA 11.8, too old: 12.0 or newer is needed. Update the driver
          DEVICES            | 0     | the NVIDIA driver sees no GPU (is CUDA_VISIBLE_DEVICES empty?)
          COMPUTE_CAPABILITY | 7.5   | the GPUs here are older than sm_80 (Ampere): [GPU 0 TurboESM CUDA emulator (sm_75,
          FAIL | cuInit:1:999 | the NVIDIA driver does not start: CUDA_ERROR_UNKNOWN (CUDA_ERROR_UNKNOWN); does nvidia-smi work?
          FAIL | cuDeviceGetCount:1:304 | the NVIDIA driver does not answer: cuDeviceGetCount failed with CUDA_ERROR_OPERATING_SYSTEM
          """)
  void driverAndDevicesThatAreOfNoUseAreToldApart(String setting, String value, String reason)
      throws Exception {
    assertThat(Emulator.run(PrintReason.class, setting, value)).contains(reason);
  }

  @Test
  void autoTakesTheDeviceWhereThereIsOne() throws Exception {
    assertThat(Emulator.run(Select.class, Map.of(), "auto"))
        .contains("engine cuda: GPU 0 TurboESM CUDA emulator (sm_")
        .contains("selected cuda");
  }

  @Test
  void autoDoesNotLeaveADeviceUnusedForWantOfALibrary() throws Exception {
    assertThat(Emulator.run(Select.class, libraries(DRIVER, COMPILER), "auto"))
        .startsWith("refused: engine cuda cannot run here although its device is there: ")
        .contains("libcublas.so.12", "--engine cpu");
  }

  @Test
  void autoGoesOnWithTheProcessorWhereThereIsNoneAndLogsWhy() throws Exception {
    assertThat(Emulator.run(Select.class, libraries(), "auto"))
        .contains("engine cuda is passed over: there is no NVIDIA driver: libcuda.so.1 is in none")
        .contains("engine cpu: ")
        .contains("selected cpu");
  }

  @Test
  void engineAskedForByNameIsNeverReplaced() throws Exception {
    assertThat(Emulator.run(Select.class, libraries(), "cuda"))
        .contains("refused: engine cuda cannot run here: there is no NVIDIA driver: libcuda.so.1")
        .contains("install that")
        .doesNotContain("selected");
  }
}
