package org.turboesm.job.cli;

import org.turboesm.TurboEsmException;
import org.turboesm.udf.EngineSpec;
import picocli.CommandLine.Option;

/** What a model runs on. */
final class EngineOptions {
  @Option(
      names = "--engine",
      paramLabel = "ENGINE",
      defaultValue = "auto",
      description =
          "auto, cuda, cpu or reference; turboesm doctor says what can run here. Default:"
              + " ${DEFAULT-VALUE}, the best that can.")
  private String engine;

  @Option(
      names = "--precision",
      paramLabel = "PRECISION",
      defaultValue = "auto",
      description =
          "Number format of the linear layers: auto, f32, tf32 (f32 whose products a GPU rounds to 10"
              + " bits), bf16 or int8 (W8A8, a quarter of f32's memory). Default: ${DEFAULT-VALUE},"
              + " which is bf16 where the device has it, else f32.")
  private String precision;

  @Option(
      names = "--device",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "The GPU, by its ordinal, of tasks that Spark gives none, as in local mode. Engines without"
              + " a GPU ignore it. Default: ${DEFAULT-VALUE}.")
  private int device;

  @Option(
      names = "--tasks-per-gpu",
      paramLabel = "N",
      defaultValue = "2",
      description =
          "Tasks that share a GPU, on a cluster whose executors have some"
              + " (spark.executor.resource.gpu.amount): one prepares while another computes. Default:"
              + " ${DEFAULT-VALUE}.")
  private int tasksPerGpu;

  /**
   * @throws TurboEsmException if a number is out of range
   */
  EngineSpec spec(String model) {
    return new EngineSpec(
        model, engine, precision, device, Options.requirePositive("--tasks-per-gpu", tasksPerGpu));
  }
}
