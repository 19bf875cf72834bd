package org.turboesm.device;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectPackage;

import java.io.PrintWriter;
import java.util.List;
import org.junit.platform.engine.support.descriptor.ClassSource;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TagFilter;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;
import org.junit.platform.launcher.listeners.TestExecutionSummary;

/** The contract tests of suite cuda, run without a build tool. */
final class KernelTests {
  private static final String TAG = "cuda";
  private static final int FAILURES_SHOWN = 20;

  private KernelTests() {}

  /** The classes that have tests of this suite. */
  static List<String> classes() {
    LauncherDiscoveryRequest request =
        LauncherDiscoveryRequestBuilder.request()
            .selectors(selectPackage("org.turboesm.cuda"), selectPackage("org.turboesm.engine"))
            .filters(TagFilter.includeTags(TAG))
            .build();
    TestPlan plan = LauncherFactory.create().discover(request);
    return plan.getRoots().stream()
        .flatMap(root -> plan.getDescendants(root).stream())
        .map(TestIdentifier::getSource)
        .flatMap(java.util.Optional::stream)
        .filter(ClassSource.class::isInstance)
        .map(source -> ((ClassSource) source).getClassName())
        .sorted()
        .distinct()
        .toList();
  }

  /** Runs one class; its failures are printed. */
  static ResultRow run(String name) {
    LauncherDiscoveryRequest request =
        LauncherDiscoveryRequestBuilder.request()
            .selectors(selectClass(name))
            .filters(TagFilter.includeTags(TAG))
            .build();
    SummaryGeneratingListener listener = new SummaryGeneratingListener();
    Launcher launcher = LauncherFactory.create();
    launcher.execute(request, listener);
    TestExecutionSummary summary = listener.getSummary();
    summary.printFailuresTo(new PrintWriter(System.err, true), FAILURES_SHOWN);
    // A class may say that it has nothing to test on this device; one that says nothing has failed.
    boolean said = summary.getTestsSucceededCount() + summary.getContainersAbortedCount() > 0;
    return ResultRow.checked(
        "kernel tests",
        name.substring(name.lastIndexOf('.') + 1),
        said && summary.getTotalFailureCount() == 0,
        String.format(
            "%d passed, %d failed, %d skipped, %.1f s",
            summary.getTestsSucceededCount(),
            summary.getTotalFailureCount(),
            summary.getTestsSkippedCount()
                + summary.getTestsAbortedCount()
                + summary.getContainersAbortedCount(),
            (summary.getTimeFinished() - summary.getTimeStarted()) / 1e3));
  }
}
