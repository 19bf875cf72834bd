package org.turboesm.engine.cuda;

import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.TestSource;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.EngineFilter;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.turboesm.ChildJvm;

/**
 * Contract tests in a JVM of their own, on the emulator in another setting or with kernels changed.
 */
final class ContractTests {
  private static final String PACKAGE = "org.turboesm.engine.cuda.";

  /** Begins the line of a test; the outcome, class and method, and the test's name follow. */
  private static final String OUTCOME = "contract test\t";

  private ContractTests() {}

  /**
   * How the tests ended.
   *
   * @param status of the process: 0 if it came to its end, whatever came of the tests
   * @param text all that it printed
   */
  record Outcomes(int status, String text) {

    /** Lines of the tests of a class and method that ended so, {@code passed} or {@code failed}. */
    List<String> ended(String outcome, String method) {
      String start = String.join("\t", OUTCOME + outcome, PACKAGE + method, "");
      return text.lines().filter(line -> line.startsWith(start)).toList();
    }
  }

  /**
   * Runs tests.
   *
   * @param kernels a folder whose {@code cuda/} has files in place of the kernels' own; null for
   *     the kernels as they are
   * @param selectors of JUnit's, such as {@code class:org.turboesm.SomeTest}
   */
  static Outcomes run(Path kernels, Map<String, String> environment, List<String> selectors)
      throws IOException, InterruptedException {
    // A short life: the second compiler would take more time than it saves.
    List<String> flags =
        new ArrayList<>(
            List.of(
                "-Xmx1g",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "--add-modules=jdk.incubator.vector",
                "-Djava.io.tmpdir=" + System.getProperty("java.io.tmpdir")));
    if (kernels != null) {
      // Class loaders ask their parents first.
      flags.add("-Xbootclasspath/a:" + kernels);
    }
    ChildJvm.Outcome outcome =
        ChildJvm.run(ContractTests.class, flags, environment, selectors.toArray(String[]::new));
    return new Outcomes(outcome.status(), outcome.output() + outcome.errors());
  }

  /**
   * @param args as the selectors of {@link #run}
   */
  public static void main(String[] args) {
    Launcher launcher = LauncherFactory.create();
    launcher.execute(
        LauncherDiscoveryRequestBuilder.request()
            .selectors(DiscoverySelectors.parseAll(args).toList())
            .filters(EngineFilter.includeEngines("junit-jupiter"))
            .build(),
        new Lines(System.out));
  }

  private static final class Lines implements TestExecutionListener {
    private final PrintStream out;

    private Lines(PrintStream out) {
      this.out = out;
    }

    @Override
    public void executionSkipped(TestIdentifier test, String reason) {
      say("skipped", test, reason);
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
      // A container that fails, such as a class in its last method, is worth a line too.
      boolean passed = result.getStatus() == TestExecutionResult.Status.SUCCESSFUL;
      if (test.isTest() || !passed) {
        say(passed ? "passed" : "failed", test, "");
        result
            .getThrowable()
            .ifPresent(thrown -> thrown.printStackTrace(new PrintWriter(out, true)));
      }
    }

    private void say(String outcome, TestIdentifier test, String detail) {
      Optional<TestSource> source = test.getSource();
      String name =
          source
              .filter(MethodSource.class::isInstance)
              .map(MethodSource.class::cast)
              .map(method -> method.getClassName() + "." + method.getMethodName())
              .orElse(test.getLegacyReportingName());
      out.println(
          OUTCOME + String.join("\t", List.of(outcome, name, test.getDisplayName(), detail)));
      out.flush();
    }
  }
}
