package org.turboesm.job.cli;

import picocli.CommandLine.Option;

/** Where to run. */
final class SparkOptions {
  @Option(
      names = "--master",
      paramLabel = "URL",
      description =
          "Spark master, such as local[4] or spark://host:7077; what spark-submit is given wins."
              + " Default: local[*].")
  private String master;

  /** Null where none was given. */
  String master() {
    return master;
  }
}
