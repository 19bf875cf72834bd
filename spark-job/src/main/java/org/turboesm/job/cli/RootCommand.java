package org.turboesm.job.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
    name = "turboesm",
    description = {
      "ESM-2 protein embeddings in Spark, with a packed KV cache.",
      "Without an input of your own, start with: turboesm demo"
    },
    synopsisSubcommandLabel = "COMMAND",
    commandListHeading = "%nCommands:%n",
    optionListHeading = "%nOptions:%n",
    footer = "%nturboesm COMMAND --help describes a command's options.",
    mixinStandardHelpOptions = true,
    versionProvider = VersionLines.class,
    subcommands = {
      DemoCommand.class,
      RunCommand.class,
      EmbedCommand.class,
      CalibrateCommand.class,
      FidelityCommand.class,
      PaperCommand.class,
      PlanCommand.class,
      DoctorCommand.class,
      CommandLine.HelpCommand.class
    })
final class RootCommand implements Runnable {
  @Spec private CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is missing");
  }
}
