package org.turboesm.cuda;

import java.io.PrintStream;
import java.io.PrintWriter;
import java.util.List;
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

/** The program of a {@link ContractTestProcess}: runs tests and says how each ended. */
final class ContractTests {
  /** Begins the line of a test; the outcome, the class and the test's name follow. */
  static final String OUTCOME = "contract test\t";

  private ContractTests() {}

  /**
   * @param args JUnit's discovery selectors, such as {@code class:org.turboesm.SomeTest}
   */
  public static void main(String[] args) {
    Launcher launcher = LauncherFactory.create();
    launcher.execute(
        LauncherDiscoveryRequestBuilder.request()
            .selectors(DiscoverySelectors.parseAll(args).toList())
            .filters(EngineFilter.includeEngines("junit-jupiter"))
            .build(),
        new Outcomes(System.out));
  }

  private static final class Outcomes implements TestExecutionListener {
    private final PrintStream out;

    private Outcomes(PrintStream out) {
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
