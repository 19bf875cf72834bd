package org.turboesm.job.cli;

import java.util.List;
import java.util.concurrent.Callable;
import org.turboesm.esm2.ModelLocator;
import org.turboesm.job.action.RunSettings;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "demo",
    description =
        "Run everything on the proteins and the small model that come with it: 500 proteins in all"
            + " three modes. Needs no download. Its defaults of --prefill and --fidelity-sample make"
            + " it end within minutes; those of run are 0.5 and 32.",
    mixinStandardHelpOptions = true,
    versionProvider = VersionLines.class,
    defaultValueProvider = DemoDefaults.class,
    sortOptions = false)
final class DemoCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FOLDER",
      defaultValue = "turboesm-demo",
      description = "Folder for the Parquet files and manifest.json. Default: ./${DEFAULT-VALUE}.")
  private String output;

  @Option(
      names = "--proteins",
      paramLabel = "N",
      defaultValue = "500",
      description = "Run the first N of the proteins. Default: all ${DEFAULT-VALUE}.")
  private int proteins;

  @Mixin private OverwriteOption overwrite;

  @Mixin private EngineOptions engine;

  @Mixin private CacheOptions cache;
  @Mixin private EmbeddingOptions embedding;
  @Mixin private SparkOptions spark;

  @Override
  public Integer call() {
    Options.read(spec, () -> Options.requirePositive("--proteins", proteins));
    RunSettings settings = Options.read(spec, () -> settings("demo"));
    try (EmbeddedProteins demo = EmbeddedProteins.demo(proteins)) {
      return new RunExecution(spec.commandLine())
          .run(settings.withInputs(List.of(demo.file().toString())), spark.master());
    }
  }

  private RunSettings settings(String input) {
    return new RunSettings(
        List.of(input),
        output,
        overwrite.given(),
        engine.spec(ModelLocator.DEMO),
        cache.modes(),
        embedding.settings(cache.prefill()),
        cache.calibration(),
        cache.fidelitySample());
  }
}
