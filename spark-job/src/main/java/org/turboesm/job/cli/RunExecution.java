package org.turboesm.job.cli;

import org.turboesm.job.action.ProteinRun;
import org.turboesm.job.action.Report;
import org.turboesm.job.action.RunSettings;
import org.turboesm.job.commit.Manifest;
import org.turboesm.job.progress.Console;
import org.turboesm.job.progress.Phases;
import picocli.CommandLine;

/** Runs proteins in a Spark session, shows progress, and reports. */
final class RunExecution {
  private final CommandLine command;

  RunExecution(CommandLine command) {
    this.command = command;
  }

  /**
   * @param master null where none was given
   */
  int run(RunSettings settings, String master) {
    Phases phases = new Phases(Console.of(command.getErr()));
    try (JobSession session =
        phases.run("spark", () -> JobSession.open(master), RunExecution::describe)) {
      ProteinRun run = new ProteinRun(session.spark(), settings, phases);
      Manifest manifest = run.run();
      new Report(manifest, run.output().shortName(), command.getOut()).print();
    }
    return CommandLine.ExitCode.OK;
  }

  static String describe(JobSession session) {
    return "version "
        + session.spark().version()
        + ", master "
        + session.spark().sparkContext().master();
  }
}
