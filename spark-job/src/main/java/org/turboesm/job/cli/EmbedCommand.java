package org.turboesm.job.cli;

import java.util.List;
import java.util.concurrent.Callable;
import org.turboesm.calibration.CodecSpec;
import org.turboesm.engine.Prefill;
import org.turboesm.job.action.RunSettings;
import org.turboesm.job.action.RunSettings.CalibrationSettings;
import org.turboesm.udf.Mode;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "embed",
    description = "Embed proteins by the ordinary forward pass alone; nothing is calibrated.",
    mixinStandardHelpOptions = true,
    versionProvider = VersionLines.class,
    sortOptions = false)
final class EmbedCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private InputOptions input;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FOLDER",
      required = true,
      description = "Folder for the Parquet files and manifest.json, on any Hadoop file system.")
  private String output;

  @Mixin private OverwriteOption overwrite;
  @Mixin private ModelOptions model;
  @Mixin private EmbeddingOptions embedding;
  @Mixin private SparkOptions spark;

  @Override
  public Integer call() {
    return new RunExecution(spec.commandLine())
        .run(Options.read(spec, this::settings), spark.master());
  }

  private RunSettings settings() {
    return new RunSettings(
        input.paths(),
        output,
        overwrite.given(),
        model.spec(),
        List.of(Mode.ENCODE),
        embedding.settings(Prefill.parse("0.5")),
        new CalibrationSettings(null, CodecSpec.of("default", 3, 3), 0),
        0);
  }
}
