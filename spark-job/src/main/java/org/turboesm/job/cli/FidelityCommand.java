package org.turboesm.job.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.turboesm.TurboEsmException;
import org.turboesm.calibration.CodecSpec;
import org.turboesm.engine.Prefill;
import org.turboesm.job.progress.Console;
import org.turboesm.job.progress.Phases;
import org.turboesm.job.sweep.FidelityRow;
import org.turboesm.job.sweep.FidelitySweep;
import org.turboesm.job.sweep.SweepReport;
import org.turboesm.job.sweep.SweepSettings;
import org.turboesm.udf.Mode;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "fidelity",
    description =
        "Measure what codecs of the packed cache cost, on proteins that calibration did not see: a"
            + " table, plots, and every protein's figures.",
    mixinStandardHelpOptions = true,
    versionProvider = VersionLines.class,
    sortOptions = false)
final class FidelityCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = {"-i", "--input"},
      paramLabel = "PATH",
      description =
          "Proteins to measure on and to calibrate on, as those of run. Default: the 500 inside the"
              + " jar.")
  private List<String> input = List.of();

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FOLDER",
      defaultValue = "turboesm-fidelity",
      description =
          "Folder for fidelity.md, fidelity.json, plots and Parquet. Default: ./${DEFAULT-VALUE}.")
  private String output;

  @Mixin private OverwriteOption overwrite;
  @Mixin private ModelOptions model;

  @Option(
      names = "--codecs",
      paramLabel = "LIST",
      defaultValue = "all",
      description =
          "Codecs to measure; all for all of them, ablation for the default without one component"
              + " each. --list-codecs describes them. Default: ${DEFAULT-VALUE}.")
  private List<String> codecs;

  @Option(
      names = "--bits",
      paramLabel = "LIST",
      defaultValue = "1,2,3,4",
      description =
          "Mean bits a value, multiples of 1/8; K:V, such as 3:2, for keys and values apart."
              + " Codecs whose channels all have one width are measured at whole bits only, and"
              + " int8, int4 and fp8-e4m3 at their own. Default: ${DEFAULT-VALUE}.")
  private List<String> bits;

  @Option(
      names = "--allotment",
      paramLabel = "LIST",
      description =
          "Among which channels bits may move: separate, head, layer, model; for codecs that can."
              + " Default: each codec's own.")
  private List<String> allotments = List.of();

  @Option(
      names = "--modes",
      paramLabel = "LIST",
      defaultValue = "turbo",
      description = "turbo, decode or both. Default: ${DEFAULT-VALUE}.")
  private List<String> modes;

  @Option(
      names = "--prefill",
      paramLabel = "LIST",
      defaultValue = "0.5",
      description =
          "How much of a protein mode decode prefills: fractions like 0.5 or counts of tokens like"
              + " 128. Default: ${DEFAULT-VALUE}.")
  private List<String> prefills;

  @Option(
      names = "--calibration-proteins",
      paramLabel = "LIST",
      defaultValue = "64",
      description =
          "Proteins to calibrate on, at most; several numbers for a curve. Default:"
              + " ${DEFAULT-VALUE}.")
  private List<String> calibrationProteins;

  @Option(
      names = "--calibrate-on",
      paramLabel = "PATH",
      description =
          "Proteins to calibrate on, instead of those of the input that are not measured.")
  private List<String> calibrateOn = List.of();

  @Option(
      names = "--by-organism",
      description =
          "Calibrate once on organisms (OS= in UniProt's headers) that are not measured on, and once"
              + " on other proteins of the same ones: how far calibrations carry.")
  private boolean byOrganism;

  @Option(
      names = "--fidelity-sample",
      paramLabel = "N",
      defaultValue = "32",
      description = "Proteins to measure on, at most half of the input. Default: ${DEFAULT-VALUE}.")
  private int sample;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = "Write the rows here too; they are always in FOLDER/fidelity.json.")
  private String json;

  @Mixin private BatchOptions batch;

  @Option(names = "--list-codecs", description = "Describe the codecs, and do nothing else.")
  private boolean listCodecs;

  @Mixin private SparkOptions spark;

  @Override
  public Integer call() {
    if (listCodecs) {
      list();
      return CommandLine.ExitCode.OK;
    }
    List<String> inputs = Options.split(input);
    SweepSettings settings = Options.read(spec, () -> settings(inputs));
    if (!inputs.isEmpty()) {
      return run(settings);
    }
    try (EmbeddedProteins demo = EmbeddedProteins.demo()) {
      return run(settings.withInputs(List.of(demo.file().toString())));
    }
  }

  private int run(SweepSettings settings) {
    Phases phases = new Phases(Console.of(spec.commandLine().getErr()));
    try (JobSession session =
        phases.run("spark", () -> JobSession.open(spark.master()), RunExecution::describe)) {
      SweepReport report =
          new SweepReport(
              spec.commandLine().getOut(),
              json,
              session.spark().sparkContext().hadoopConfiguration());
      FidelitySweep sweep = new FidelitySweep(session.spark(), settings, phases);
      List<FidelityRow> rows = sweep.run(report);
      report.print(rows, sweep.output().shortName());
    }
    return CommandLine.ExitCode.OK;
  }

  private SweepSettings settings(List<String> inputs) {
    List<Mode> wanted = Options.given("--modes", modes).stream().map(Mode::parse).toList();
    if (wanted.contains(Mode.ENCODE)) {
      throw new TurboEsmException("--modes are turbo, decode or both; encode has no packed cache");
    }
    if (byOrganism && !calibrateOn.isEmpty()) {
      throw new TurboEsmException(
          "--by-organism splits the input itself; leave --calibrate-on away, or measure one after"
              + " the other");
    }
    return new SweepSettings(
        inputs,
        Options.split(calibrateOn),
        byOrganism,
        output,
        overwrite.given(),
        model.spec(),
        SweepCodecs.of(codecs, bits, allotments),
        Options.given("--calibration-proteins", calibrationProteins).stream()
            .map(FidelityCommand::count)
            .toList(),
        wanted,
        Options.given("--prefill", prefills).stream().map(Prefill::parse).toList(),
        Options.requirePositive("--fidelity-sample", sample),
        batch.tokens());
  }

  private static int count(String text) {
    try {
      return Options.requirePositive("--calibration-proteins", Integer.parseInt(text));
    } catch (NumberFormatException e) {
      throw new TurboEsmException("--calibration-proteins: \"" + text + "\" is not a number", e);
    }
  }

  private void list() {
    List<String> names = new ArrayList<>(CodecSpec.codecs());
    names.addAll(CodecSpec.ablations());
    for (String name : names) {
      spec.commandLine()
          .getOut()
          .printf("%-27s %s%n", name, CodecSpec.parse(name, null, null).about());
    }
    spec.commandLine().getOut().flush();
  }
}
