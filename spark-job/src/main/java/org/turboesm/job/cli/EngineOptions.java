package org.turboesm.job.cli;

import org.turboesm.udf.EngineSpec;
import picocli.CommandLine.Option;

/** What a model runs on. */
final class EngineOptions {
  @Option(
      names = "--engine",
      paramLabel = "ENGINE",
      defaultValue = "auto",
      description =
          "auto, cpu or reference; turboesm doctor says what can run here. Default:"
              + " ${DEFAULT-VALUE}, the best that can.")
  private String engine;

  @Option(
      names = "--precision",
      paramLabel = "PRECISION",
      defaultValue = "auto",
      description =
          "Number format of the linear layers: auto, f32, bf16 or int8 (W8A8, a quarter of f32's"
              + " memory). Default: ${DEFAULT-VALUE}, which is bf16 where the processor has it, else"
              + " f32.")
  private String precision;

  EngineSpec spec(String model) {
    return new EngineSpec(model, engine, precision);
  }
}
