package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import java.util.Map;
import org.turboesm.ChildJvm;
import org.turboesm.cuda.CudaDriver;

/** Runs main classes on emulated devices that differ from this process's, or fail. */
final class Emulator {
  /** Where this process has its CUDA libraries from. */
  static final String LIBRARIES = System.getenv("LD_LIBRARY_PATH");

  private Emulator() {}

  /** Skips a test on a real device: nothing here can make it smaller, older or lost. */
  static void assume() {
    assumeTrue(
        CudaDriver.get().devices().get(0).name().contains("emulator"), "the device is a real one");
  }

  /** Runs a class that must end well, and returns what it printed. */
  static String run(Class<?> main, Map<String, String> environment, String... arguments)
      throws Exception {
    ChildJvm.Outcome outcome = ChildJvm.run(main, flags(), environment, arguments);
    assertThat(outcome.status()).as(outcome.output() + outcome.errors()).isZero();
    return outcome.output();
  }

  /** Runs a class with a setting of the emulator, such as {@code MEMORY}. */
  static String run(Class<?> main, String setting, Object value, String... arguments)
      throws Exception {
    return run(main, Map.of("TURBOESM_EMULATOR_" + setting, value.toString()), arguments);
  }

  private static List<String> flags() {
    return List.of(
        "--add-modules=jdk.incubator.vector",
        "-Djava.io.tmpdir=" + System.getProperty("java.io.tmpdir"),
        "-Dorg.apache.logging.log4j.level=INFO");
  }
}
