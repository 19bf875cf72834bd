package org.turboesm.launcher;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * A script of {@code bin/}, run where no program can be found but those that a test puts there.
 *
 * @param code exit status
 * @param out what it printed on standard output
 * @param err what it printed on standard error
 */
record Launch(int code, String out, String err) {
  /** The repository's. */
  static final Path BIN = Path.of("..", "bin").toAbsolutePath().normalize();

  /**
   * Runs a script with bash.
   *
   * @param environment all of it
   * @param scratch for what it prints
   */
  static Launch run(Path script, Map<String, String> environment, Path scratch, String... arguments)
      throws IOException, InterruptedException {
    Path out = scratch.resolve("stdout");
    Path err = scratch.resolve("stderr");
    ProcessBuilder builder =
        new ProcessBuilder(
            Stream.concat(
                    Stream.of(program("bash").toString(), script.toString()), Stream.of(arguments))
                .toList());
    builder.environment().clear();
    builder.environment().putAll(environment);
    int code = builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start().waitFor();
    return new Launch(code, Files.readString(out), Files.readString(err));
  }

  /** Writes a program of bash lines. */
  static Path writeProgram(Path file, String lines) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, "#!" + program("bash") + "\n" + lines, StandardCharsets.UTF_8);
    return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  /** Makes a folder for the PATH with these of this machine's programs, and no other. */
  static Path programs(Path folder, List<String> names) throws IOException {
    Files.createDirectories(folder);
    for (String name : names) {
      Files.createSymbolicLink(folder.resolve(name), program(name));
    }
    return folder;
  }

  private static Path program(String name) {
    return Stream.of(System.getenv("PATH").split(":", -1))
        .map(folder -> Path.of(folder, name))
        .filter(Files::isExecutable)
        .findFirst()
        .orElseThrow(() -> new AssertionError(name + " is not on the PATH"));
  }
}
