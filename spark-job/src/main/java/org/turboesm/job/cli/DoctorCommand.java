package org.turboesm.job.cli;

import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import jdk.incubator.vector.FloatVector;
import org.turboesm.TurboEsmException;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngineProvider;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.Precision;
import org.turboesm.esm2.EsmTokenizer;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.ModelLocator;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.job.commit.BuildVersion;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

@Command(
    name = "doctor",
    description = "Check this machine: Java, Spark, the engines, and a tiny run of the demo model.",
    mixinStandardHelpOptions = true,
    versionProvider = VersionLines.class)
final class DoctorCommand implements Callable<Integer> {
  private static final String PROTEIN =
      "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVK";

  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    Runtime runtime = Runtime.getRuntime();
    line("turboesm", "%s", BuildVersion.current());
    line("Java", "%s", JavaRuntime.current().describe());
    line("Spark", "%s", sparkVersion());
    line("vector width", "%s", vectorWidth());
    line("cores", "%d", runtime.availableProcessors());
    line("heap", "%,d MB at most (TURBOESM_DRIVER_MEMORY)", runtime.maxMemory() >> 20);
    EngineAvailability.of(EsmEngines.providers())
        .forEach(known -> line("engine " + known.engine(), "%s", known.description()));
    boolean agrees = demoModel();
    out.flush();
    return agrees ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE;
  }

  private static String sparkVersion() {
    try {
      return org.apache.spark.package$.MODULE$.SPARK_VERSION();
    } catch (LinkageError e) {
      return "not on the class path: start with bin/turboesm or spark-submit";
    }
  }

  private static String vectorWidth() {
    try {
      return FloatVector.SPECIES_PREFERRED.vectorBitSize() + " bits";
    } catch (LinkageError e) {
      return "unknown: start java with --add-modules=jdk.incubator.vector";
    }
  }

  /** Runs the demo model on the best engine and on the reference, in full precision. */
  private boolean demoModel() {
    try (EsmWeights weights = EsmWeights.open(ModelLocator.locate(ModelLocator.DEMO))) {
      float[] reference;
      try (EsmEngine engine = EsmEngines.open("reference", Precision.F32.label(), weights)) {
        reference = encode(engine);
      }
      EsmEngineProvider best = EsmEngines.select(EsmEngines.AUTO);
      float[] found;
      try (EsmEngine engine = EsmEngines.open(best.name(), Precision.F32.label(), weights)) {
        found = encode(engine);
      }
      double error = relativeError(found, reference);
      boolean agrees = error < 1e-3;
      line(
          "demo model",
          "engine %s, f32, is within %.1e of the reference: %s",
          best.name(),
          error,
          agrees ? "good" : "WRONG, do not trust this machine's results");
      return agrees;
    } catch (TurboEsmException e) {
      line("demo model", "fails: %s", e.getMessage());
      return false;
    }
  }

  private static float[] encode(EsmEngine engine) {
    return engine.encode(
        TokenBatch.of(List.of(EsmTokenizer.tokenize(PROTEIN))), ForwardObserver.NONE);
  }

  /** The length of the difference over the length of the reference. */
  private static double relativeError(float[] found, float[] reference) {
    double difference = 0;
    double square = 0;
    for (int i = 0; i < reference.length; i++) {
      difference += Math.pow(found[i] - reference[i], 2);
      square += Math.pow(reference[i], 2);
    }
    return Math.sqrt(difference / square);
  }

  private void line(String name, String format, Object... values) {
    spec.commandLine()
        .getOut()
        .println(
            String.format(Locale.ROOT, "%-18s", name) + String.format(Locale.ROOT, format, values));
  }
}
