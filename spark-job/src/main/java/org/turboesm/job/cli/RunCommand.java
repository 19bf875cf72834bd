package org.turboesm.job.cli;

import java.util.concurrent.Callable;
import org.turboesm.job.action.RunSettings;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "run",
    description = "Embed proteins in up to three modes, and measure what the packed cache costs.",
    mixinStandardHelpOptions = true,
    versionProvider = VersionLines.class,
    sortOptions = false)
final class RunCommand implements Callable<Integer> {
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
  @Mixin private CacheOptions cache;
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
        cache.modes(),
        embedding.settings(cache.prefill()),
        cache.calibration(),
        cache.fidelitySample());
  }
}
