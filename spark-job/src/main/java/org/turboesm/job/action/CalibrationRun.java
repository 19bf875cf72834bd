package org.turboesm.job.action;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.turboesm.TurboEsmException;
import org.turboesm.calibration.Calibration;
import org.turboesm.calibration.CalibrationAdvice;
import org.turboesm.calibration.CodecSpec;
import org.turboesm.engine.Prefill;
import org.turboesm.job.commit.FidelitySummary;
import org.turboesm.job.plan.ProteinSample;
import org.turboesm.job.progress.Phases;
import org.turboesm.job.schema.OutputSchema;
import org.turboesm.udf.EmbedCounters;
import org.turboesm.udf.EmbedSettings;
import org.turboesm.udf.EngineSpec;
import org.turboesm.udf.Mode;
import org.turboesm.udf.ModelIdentity;

/** Fits a calibration, measures it on a few other proteins, and writes the artefact. */
public final class CalibrationRun {
  private static final int HELD_OUT_PROTEINS = 16;

  private final SparkSession spark;
  private final EngineSpec engine;
  private final CodecSpec codec;
  private final Phases phases;

  /**
   * @param codec what to fit
   */
  public CalibrationRun(SparkSession spark, EngineSpec engine, CodecSpec codec, Phases phases) {
    this.spark = spark;
    this.engine = engine;
    this.codec = codec;
    this.phases = phases;
  }

  /**
   * Runs it.
   *
   * @param proteins to calibrate on, at most
   * @param file the artefact
   * @param overwrite whether an older artefact there may be replaced
   */
  public Calibration run(List<String> inputs, int proteins, String file, boolean overwrite) {
    Path path = new Path(file);
    requireFree(path, overwrite);
    EngineCheck.check(engine, spark.sparkContext());
    ModelIdentity model =
        phases.run("model", () -> ModelIdentity.read(engine.model()), ModelIdentity::name);
    try (Ingested ingested =
        phases.run(
            "ingest",
            () -> Ingest.run(spark, inputs),
            read -> String.format("%,d proteins", read.accepted()))) {
      Calibration fitted =
          phases.run(
              "calibrate",
              () -> fit(model, ProteinSample.calibration(ingested.proteins(), proteins)),
              done ->
                  String.format(
                      "%s on %,d proteins, %,d tokens",
                      done.spec().label(), done.proteinSha256().size(), done.tokens()));
      CalibrationAdvice.of(fitted).ifPresent(phases.console()::line);
      Calibration measured =
          phases.run(
              "held-out",
              () -> measure(model, fitted, ingested.proteins()),
              done ->
                  done.measured()
                      .map(heldOut -> String.format("%,d proteins", heldOut.proteins()))
                      .orElse("no protein is left that calibration has not seen"));
      measured.write(path, hadoop());
      return measured;
    }
  }

  private void requireFree(Path path, boolean overwrite) {
    try {
      if (!path.getFileSystem(hadoop()).exists(path)) {
        return;
      }
    } catch (IOException e) {
      throw new TurboEsmException("output " + path + ": " + e.getMessage(), e);
    }
    if (!overwrite) {
      throw new TurboEsmException(
          "output " + path + " exists; name another file, or replace it with --overwrite");
    }
    // Only what is a calibration is replaced by one.
    Calibration.read(path, hadoop());
  }

  private Calibration fit(ModelIdentity model, ProteinSample sample) {
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    return new Calibrate(context, engine, model).fit(codec, sample);
  }

  private Calibration measure(ModelIdentity model, Calibration fitted, Dataset<Row> proteins) {
    ProteinSample heldOut =
        ProteinSample.fidelity(proteins, HELD_OUT_PROTEINS, Set.copyOf(fitted.proteinSha256()));
    if (heldOut.size() == 0) {
      return fitted;
    }
    EmbedSettings settings =
        Score.settings(engine, model, List.of(Mode.TURBO), Prefill.parse("0.5"), Integer.MAX_VALUE);
    try (Score score = new Score(settings, fitted, EmbedCounters.register(spark.sparkContext()))) {
      Dataset<Row> measured = score.measure(heldOut.dataset(spark).repartition(heldOut.size()));
      // The few rows come here once, for the summary reads them twice.
      Dataset<Row> rows = spark.createDataFrame(measured.collectAsList(), OutputSchema.FIDELITY);
      Map<String, FidelitySummary> summaries = FidelitySummaries.of(rows);
      return fitted.withHeldOut(FidelitySummaries.heldOut(summaries));
    }
  }

  private Configuration hadoop() {
    return spark.sparkContext().hadoopConfiguration();
  }
}
