package org.turboesm.cuda;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** The CUDA emulator of {@code tests/emulator}, for tests that a real device cannot take. */
final class Emulator {
  /** Its sources. */
  static final Path SOURCES = Path.of("..", "tests", "emulator").toAbsolutePath().normalize();

  /** The orders of a block's threads; a race shows in one of them, not in all. */
  static final List<String> ORDERS = List.of("forward", "reversed", "seeded:7");

  static final String ORDER = "TURBOESM_EMULATOR_ORDER";

  private Emulator() {}

  /** The folder of the libraries in use; skips the test where they are a real device's. */
  static Path require() {
    String path = Optional.ofNullable(System.getenv("LD_LIBRARY_PATH")).orElse("");
    Optional<Path> folder =
        Arrays.stream(path.split(":", -1))
            .filter(name -> !name.isEmpty())
            .map(Path::of)
            .filter(candidate -> Files.exists(candidate.resolve("libcuda.so.1")))
            .findFirst()
            .filter(candidate -> Files.exists(candidate.resolve("include/device_interface.h")));
    assumeTrue(folder.isPresent(), "the CUDA libraries are a device's, not the emulator's");
    return folder.get();
  }

  /** Runs one of its scripts; its output is in the error if it fails. */
  static void run(Path scratch, String script, String... arguments)
      throws IOException, InterruptedException {
    Path log = Files.createTempFile(scratch, "script-", ".log");
    ProcessBuilder builder = new ProcessBuilder("bash", SOURCES.resolve(script).toString());
    builder.command().addAll(List.of(arguments));
    int code = builder.redirectErrorStream(true).redirectOutput(log.toFile()).start().waitFor();
    if (code != 0) {
      throw new AssertionError(script + " ended with " + code + ":\n" + Files.readString(log));
    }
  }
}
