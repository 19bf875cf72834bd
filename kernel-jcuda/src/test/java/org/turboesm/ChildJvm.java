package org.turboesm;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Runs a main class of the test class path in a JVM with other flags or another environment. */
public final class ChildJvm {
  private ChildJvm() {}

  /**
   * How it went.
   *
   * @param status the process's
   * @param output what was printed on standard output
   * @param errors what was printed on standard error
   */
  public record Outcome(int status, String output, String errors) {}

  /**
   * Runs the class to its end.
   *
   * @param flags of the JVM
   * @param environment added to this process's own
   */
  public static Outcome run(
      Class<?> main, List<String> flags, Map<String, String> environment, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-Xmx256m");
    command.addAll(flags);
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(main.getName());
    command.addAll(List.of(arguments));
    Path errors = Files.createTempFile("child", ".err");
    try {
      ProcessBuilder builder = new ProcessBuilder(command).redirectError(errors.toFile());
      builder.environment().putAll(environment);
      Process process = builder.start();
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      int status = process.waitFor();
      return new Outcome(status, output, Files.readString(errors));
    } finally {
      Files.deleteIfExists(errors);
    }
  }
}
