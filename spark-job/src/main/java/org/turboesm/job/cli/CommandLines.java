package org.turboesm.job.cli;

import java.io.PrintWriter;
import picocli.CommandLine;

/** The command line as picocli sees it. */
public final class CommandLines {
  private CommandLines() {}

  /**
   * @param out results
   * @param err progress and errors
   */
  public static CommandLine create(PrintWriter out, PrintWriter err) {
    return new CommandLine(new RootCommand())
        .setOut(out)
        .setErr(err)
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setUsageHelpAutoWidth(true)
        .setUsageHelpLongOptionsMaxWidth(28)
        .setParameterExceptionHandler(new UsageHandler())
        .setExecutionExceptionHandler(new FailureHandler());
  }
}
