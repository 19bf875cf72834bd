package org.turboesm.job.cli;

import java.util.List;
import java.util.concurrent.Callable;
import org.turboesm.TurboEsmException;
import org.turboesm.engine.Prefill;
import org.turboesm.esm2.ModelLocator;
import org.turboesm.job.paper.PaperFigures;
import org.turboesm.job.paper.PaperReport;
import org.turboesm.job.paper.PaperTable;
import org.turboesm.job.progress.Console;
import org.turboesm.job.progress.Phases;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "paper",
    description =
        "The TurboESM paper's table: its figures, its codec measured here in sample and held out,"
            + " and the default at equal and at fewer bytes.",
    mixinStandardHelpOptions = true,
    versionProvider = VersionLines.class,
    sortOptions = false)
final class PaperCommand implements Callable<Integer> {
  private static final String PAPER_MODEL = "facebook/esm2_t33_650M_UR50D";

  @Spec private CommandSpec spec;

  @Option(
      names = "--model",
      paramLabel = "MODEL",
      description =
          "As that of run. Default: the paper's, "
              + PAPER_MODEL
              + ", where it is in the local"
              + " Hugging Face cache; else the small one inside the jar, and the report says so.")
  private String model;

  @Mixin private EngineOptions engine;

  @Option(
      names = "--calibrate-on",
      paramLabel = "PATH",
      description =
          "Proteins to calibrate on for the held-out figures. Default: the 500 inside the jar.")
  private List<String> calibrateOn = List.of();

  @Option(
      names = "--calibration-proteins",
      paramLabel = "N",
      defaultValue = "64",
      description = "How many of these, at most. Default: ${DEFAULT-VALUE}.")
  private int calibrationProteins;

  @Option(
      names = "--prefill",
      paramLabel = "P",
      defaultValue = "0.5",
      description =
          "How much of a protein is prefilled: a fraction or a count of tokens. Default:"
              + " ${DEFAULT-VALUE}.")
  private String prefill;

  @Mixin private SparkOptions spark;

  @Override
  public Integer call() {
    Options.read(
        spec, () -> Options.requirePositive("--calibration-proteins", calibrationProteins));
    Prefill prefilled = Options.read(spec, () -> Prefill.parse(prefill));
    Options.read(spec, () -> engine.spec(ModelLocator.DEMO));
    Phases phases = new Phases(Console.of(spec.commandLine().getErr()));
    String name = model == null ? available(phases.console()) : model;
    List<String> others = Options.split(calibrateOn);
    try (EmbeddedProteins demo = EmbeddedProteins.demo();
        EmbeddedProteins proteins = EmbeddedProteins.paper();
        JobSession session =
            phases.run("spark", () -> JobSession.open(spark.master()), RunExecution::describe)) {
      PaperTable table = new PaperTable(session.spark(), engine.spec(name), prefilled, phases);
      PaperTable.Result result =
          table.measure(
              proteins.file().toString(),
              others.isEmpty() ? List.of(demo.file().toString()) : others,
              calibrationProteins);
      spec.commandLine().getOut().println();
      spec.commandLine().getOut().print(new PaperReport(PaperFigures.read(), result).markdown());
      spec.commandLine().getOut().flush();
    }
    return CommandLine.ExitCode.OK;
  }

  private static String available(Console console) {
    try {
      ModelLocator.locate(PAPER_MODEL);
      return PAPER_MODEL;
    } catch (TurboEsmException e) {
      console.line("measuring the model inside the jar instead of the paper's: " + e.getMessage());
      return ModelLocator.DEMO;
    }
  }
}
