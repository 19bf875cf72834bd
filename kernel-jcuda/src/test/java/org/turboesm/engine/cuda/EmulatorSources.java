package org.turboesm.engine.cuda;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The scripts of {@code tests/emulator}. */
final class EmulatorSources {
  private static final Path FOLDER = Path.of("..", "tests", "emulator");

  private EmulatorSources() {}

  /** Runs a script; what it printed is in the error if it fails. */
  static void run(Path scratch, String script, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("bash", FOLDER.resolve(script).toString()));
    command.addAll(List.of(arguments));
    Path log = Files.createTempFile(scratch, "script-", ".log");
    int status =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start()
            .waitFor();
    if (status != 0) {
      throw new AssertionError(script + " ended with " + status + ":\n" + Files.readString(log));
    }
  }
}
