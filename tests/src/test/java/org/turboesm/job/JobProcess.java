package org.turboesm.job;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The command line in a JVM of its own, for settings that a process reads once.
 *
 * @param code exit status
 * @param output what it printed
 */
record JobProcess(int code, String output) {
  private static final Duration LIMIT = Duration.ofMinutes(4);

  /**
   * @param environment added to this process's own
   * @param log a new file for what it prints
   */
  static JobProcess run(Map<String, String> environment, Path log, List<String> arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // A short life: the second compiler would take more time than it saves.
    command.addAll(List.of("-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    // This JVM was started with the options that Spark needs.
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(
            option ->
                option.startsWith("--")
                    || option.startsWith("-D")
                    || option.startsWith("-XX:+IgnoreUnrecognized"))
        .forEach(command::add);
    command.add("-Dlog4j2.configurationFile=" + System.getProperty("log4j2.configurationFile", ""));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(TurboEsm.class.getName());
    command.addAll(arguments);
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().putAll(environment);
    Process process = builder.redirectErrorStream(true).redirectOutput(log.toFile()).start();
    if (!process.waitFor(LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
      process.destroyForcibly().waitFor();
      throw new AssertionError("no end within " + LIMIT + ": " + Files.readString(log));
    }
    return new JobProcess(process.exitValue(), Files.readString(log));
  }
}
