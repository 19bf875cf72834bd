package org.turboesm.job.cli;

import picocli.CommandLine.Option;

/** Whether older output may go. */
final class OverwriteOption {
  @Option(
      names = "--overwrite",
      description = "Replace what an older run has written there; nothing else is ever deleted.")
  private boolean overwrite;

  boolean given() {
    return overwrite;
  }
}
