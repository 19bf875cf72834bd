package org.turboesm.job.cli;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.turboesm.calibration.Calibration;
import org.turboesm.calibration.CodecSpec;
import org.turboesm.job.action.CalibrationRun;
import org.turboesm.job.progress.Console;
import org.turboesm.job.progress.Phases;
import org.turboesm.udf.EngineSpec;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "calibrate",
    description = "Fit the packed cache's codec to a model, for run --calibration.",
    mixinStandardHelpOptions = true,
    versionProvider = VersionLines.class,
    sortOptions = false)
final class CalibrateCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private InputOptions input;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FILE",
      required = true,
      description = "The Parquet file to write, on any Hadoop file system.")
  private String output;

  @Mixin private OverwriteOption overwrite;
  @Mixin private ModelOptions model;
  @Mixin private CodecOptions codec;
  @Mixin private SparkOptions spark;

  @Override
  public Integer call() {
    List<String> inputs = Options.read(spec, input::paths);
    CodecSpec fitted = Options.read(spec, codec::codec);
    int proteins = Options.read(spec, codec::proteins);
    EngineSpec engine = Options.read(spec, model::spec);
    Phases phases = new Phases(Console.of(spec.commandLine().getErr()));
    try (JobSession session =
        phases.run("spark", () -> JobSession.open(spark.master()), RunExecution::describe)) {
      report(
          new CalibrationRun(session.spark(), engine, fitted, phases)
              .run(inputs, proteins, output, overwrite.given()));
    }
    return CommandLine.ExitCode.OK;
  }

  private void report(Calibration calibration) {
    List<String> lines =
        List.of(
            "calibration  " + output,
            "hash         " + calibration.hash(),
            "codec        " + calibration.spec().label(),
            calibration
                .measured()
                .map(
                    heldOut ->
                        String.format(
                            Locale.ROOT,
                            "held-out     attention cosine %.5f (worst layer %.5f), NMSE %.5f,"
                                + " over %,d proteins",
                            Arrays.stream(heldOut.attentionCosine()).average().orElse(0),
                            Arrays.stream(heldOut.attentionCosine()).min().orElse(0),
                            Arrays.stream(heldOut.attentionNmse()).average().orElse(0),
                            heldOut.proteins()))
                .orElse("held-out     not measured"));
    lines.forEach(spec.commandLine().getOut()::println);
    spec.commandLine().getOut().flush();
  }
}
