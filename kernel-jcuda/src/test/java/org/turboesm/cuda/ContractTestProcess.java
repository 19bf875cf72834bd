package org.turboesm.cuda;

import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Contract tests of this module in a JVM of their own, on the emulator in another setting or with
 * kernels changed: a folder in front of the class path has those in {@code cuda/}.
 */
final class ContractTestProcess {
  private static final Duration LIMIT = Duration.ofMinutes(5);

  private final Path scratch;
  private final Map<String, String> environment = new HashMap<>();
  private final List<String> classPath = new ArrayList<>();

  /**
   * How the tests ended.
   *
   * @param code of the process: 0 if all tests ran, whatever came of them
   * @param output all that it printed
   */
  record Outcome(int code, String output) {

    private List<String> tests(String outcome, String namePart) {
      return output
          .lines()
          .filter(line -> line.startsWith(ContractTests.OUTCOME + outcome + "\t"))
          .filter(line -> line.contains(namePart))
          .toList();
    }

    /** Lines of the tests that passed and whose class and method name hold this. */
    List<String> passed(String namePart) {
      return tests("passed", namePart);
    }

    /** Lines of the tests that failed and whose class and method name hold this. */
    List<String> failed(String namePart) {
      return tests("failed", namePart);
    }
  }

  /**
   * @param scratch an empty folder for what the process prints
   * @param libraries where its CUDA libraries are
   */
  ContractTestProcess(Path scratch, Path libraries) {
    this.scratch = scratch;
    environment.put("LD_LIBRARY_PATH", libraries.toString());
    // What the emulator has compiled is kept beside it.
    environment.put(CubinCache.SETTING, "");
  }

  ContractTestProcess with(String variable, String value) {
    environment.put(variable, value);
    return this;
  }

  /** A folder in front of the class path. */
  ContractTestProcess withFolder(Path folder) {
    classPath.add(folder.toString());
    return this;
  }

  /**
   * @param selectors of JUnit's, such as {@code class:org.turboesm.SomeTest}
   */
  Outcome run(List<String> selectors) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // A short life: the second compiler would take more time than it saves.
    command.addAll(List.of("-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(
            option ->
                option.startsWith("--")
                    || option.startsWith("-XX:+IgnoreUnrecognized")
                    || option.startsWith("-Djava.io.tmpdir"))
        .forEach(command::add);
    List<String> path = new ArrayList<>(classPath);
    path.add(System.getProperty("java.class.path"));
    command.addAll(List.of("-cp", String.join(File.pathSeparator, path)));
    command.add(ContractTests.class.getName());
    command.addAll(selectors);
    Path log = Files.createTempFile(scratch, "contract-tests-", ".log");
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().putAll(environment);
    Process process = builder.redirectErrorStream(true).redirectOutput(log.toFile()).start();
    if (!process.waitFor(LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
      process.destroyForcibly().waitFor();
      throw new AssertionError("no end within " + LIMIT + ": " + Files.readString(log));
    }
    return new Outcome(process.exitValue(), Files.readString(log));
  }
}
