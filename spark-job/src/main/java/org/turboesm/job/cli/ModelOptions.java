package org.turboesm.job.cli;

import org.turboesm.udf.EngineSpec;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The model and what it runs on. */
final class ModelOptions {
  @Option(
      names = "--model",
      paramLabel = "MODEL",
      defaultValue = "demo",
      description = {
        "A folder with config.json and safetensors, a hub id in the local Hugging Face cache such"
            + " as facebook/esm2_t33_650M_UR50D, or demo: the small model inside the jar.",
        "Default: ${DEFAULT-VALUE}."
      })
  private String model;

  @Mixin private EngineOptions engine;

  EngineSpec spec() {
    return engine.spec(model);
  }
}
