package org.turboesm.job.cli;

import picocli.CommandLine.Option;

/** How much runs at once. */
final class BatchOptions {
  @Option(
      names = "--batch-tokens",
      paramLabel = "N",
      defaultValue = "8192",
      description = "Tokens that a task runs at once. Default: ${DEFAULT-VALUE}.")
  private int tokens;

  int tokens() {
    return Options.requirePositive("--batch-tokens", tokens);
  }
}
