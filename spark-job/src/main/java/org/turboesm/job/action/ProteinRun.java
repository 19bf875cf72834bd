package org.turboesm.job.action;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.sum;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.turboesm.TurboEsmException;
import org.turboesm.calibration.Calibration;
import org.turboesm.calibration.CalibrationAdvice;
import org.turboesm.job.commit.FidelitySummary;
import org.turboesm.job.commit.Manifest;
import org.turboesm.job.commit.OutputFolder;
import org.turboesm.job.plan.ProteinPlan;
import org.turboesm.job.plan.ProteinSample;
import org.turboesm.job.progress.Phases;
import org.turboesm.job.progress.TaskProgress;
import org.turboesm.job.schema.EmbeddingColumns;
import org.turboesm.job.schema.OutputSchema;
import org.turboesm.udf.EmbedCounters;
import org.turboesm.udf.EmbedSettings;
import org.turboesm.udf.Mode;
import org.turboesm.udf.ModelIdentity;
import org.turboesm.udf.ProteinEmbedder;

/** A whole run: ingest, calibrate, measure, embed, check, commit. */
public final class ProteinRun {
  private static final String CALIBRATION_FILE = "calibration/calibration.parquet";

  private final SparkSession spark;
  private final RunSettings settings;
  private final Phases phases;
  private final OutputFolder output;

  /**
   * @param phases told of each step
   */
  public ProteinRun(SparkSession spark, RunSettings settings, Phases phases) {
    this.spark = spark;
    this.settings = settings;
    this.phases = phases;
    this.output = OutputFolder.of(settings.output(), hadoop());
  }

  /** Where the run writes. */
  public OutputFolder output() {
    return output;
  }

  /**
   * Runs it.
   *
   * @return the manifest, as it was written
   * @throws TurboEsmException if anything is missing or the output does not account for every
   *     record; the output has no manifest then
   */
  public Manifest run() {
    output.check(settings.overwrite());
    EngineCheck.check(settings.engine(), spark.sparkContext());
    ModelIdentity model =
        phases.run(
            "model",
            () -> ModelIdentity.read(settings.engine().model()),
            read ->
                read.name()
                    + ", "
                    + read.config().layers()
                    + " layers, hidden size "
                    + read.config().hiddenSize());
    EmbedCounters counters = EmbedCounters.register(spark.sparkContext());
    ProteinEmbedder.Builder embedder = embedder(model, counters);
    Calibration given = readCalibration(model);
    try (Ingested ingested =
        phases.run(
            "ingest",
            () -> Ingest.run(spark, settings.inputs()),
            read ->
                String.format(
                    "%,d records, %,d proteins, %,d rejected",
                    read.recordsRead(), read.accepted(), read.rejected()))) {
      requireProteins(ingested);
      output.requireOutside(ingested.files().stream().map(file -> new Path(file.path())).toList());
      output.begin(settings.overwrite());
      Calibration calibration =
          given != null || !settings.needsCalibration() ? given : calibrate(model, ingested);
      if (given == null && calibration != null) {
        CalibrationAdvice.of(calibration).ifPresent(phases.console()::line);
      }
      Map<String, FidelitySummary> fidelity = Map.of();
      if (calibration != null) {
        fidelity = measure(model, calibration, ingested);
        if (given == null) {
          calibration = calibration.withHeldOut(FidelitySummaries.heldOut(fidelity));
        }
        calibration.write(output.resolve(CALIBRATION_FILE), hadoop());
      }
      embed(embedder.calibration(calibration).build(), counters, ingested);
      return commit(model, calibration, fidelity, counters, ingested);
    }
  }

  private ProteinEmbedder.Builder embedder(ModelIdentity model, EmbedCounters counters) {
    return ProteinEmbedder.builder(settings.engine(), model)
        .modes(settings.modes())
        .cls(settings.embedding().cls())
        .residues(settings.embedding().residues())
        .layers(settings.embedding().layers())
        .prefill(settings.embedding().prefill())
        .batchTokens(settings.embedding().batchTokens())
        .counters(counters);
  }

  private Calibration readCalibration(ModelIdentity model) {
    String file = settings.calibration().file();
    if (file == null || !settings.needsCalibration()) {
      return null;
    }
    Calibration calibration = Calibration.read(new Path(file), hadoop());
    calibration.requireModel(model.hash());
    return calibration;
  }

  private void requireProteins(Ingested ingested) {
    if (ingested.accepted() > 0) {
      return;
    }
    List<Row> examples = ingested.rejects().limit(3).collectAsList();
    throw new TurboEsmException(
        "nothing to embed: all "
            + ingested.recordsRead()
            + " records were rejected, such as "
            + examples.stream()
                .map(
                    row ->
                        row.getAs("id")
                            + " ("
                            + row.getAs("code")
                            + ": "
                            + row.getAs("detail")
                            + ")")
                .collect(Collectors.joining(", ")));
  }

  private Calibration calibrate(ModelIdentity model, Ingested ingested) {
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    return phases.run(
        "calibrate",
        () -> {
          ProteinSample sample =
              ProteinSample.calibration(ingested.proteins(), settings.calibration().proteins());
          return new Calibrate(context, settings.engine(), model)
              .fit(settings.calibration().codec(), sample);
        },
        fitted ->
            String.format(
                "%s on %,d proteins, %,d tokens",
                fitted.spec().label(), fitted.proteinSha256().size(), fitted.tokens()));
  }

  private Map<String, FidelitySummary> measure(
      ModelIdentity model, Calibration calibration, Ingested ingested) {
    if (settings.fidelitySample() == 0) {
      return Map.of();
    }
    Dataset<Row> heldOut = heldOut(calibration, ingested);
    Row size = heldOut.agg(sum("length"), count("id")).head();
    long proteins = size.getLong(1);
    if (proteins == 0) {
      phases
          .console()
          .line("fidelity: not measured, for calibration has seen every protein of the input");
      return Map.of();
    }
    int scoredModes = (int) settings.modes().stream().filter(Mode::needsCalibration).count();
    EmbedCounters counters = EmbedCounters.register(spark.sparkContext());
    EmbedSettings scored =
        Score.settings(
            settings.engine(),
            model,
            settings.modes(),
            settings.embedding().prefill(),
            settings.embedding().batchTokens());
    String folder = output.resolve("fidelity").toString();
    return phases.run(
        "fidelity",
        () -> {
          try (Score score = new Score(scored, calibration, counters);
              TaskProgress progress =
                  TaskProgress.watch(
                      spark.sparkContext(),
                      phases.console(),
                      "fidelity",
                      proteins,
                      scoredModes,
                      (size.getLong(0) + 2 * proteins) * scoredModes,
                      counters)) {
            ProteinPlan plan = ProteinPlan.of(heldOut, parallelism(), scored.batchTokens());
            score
                .measure(plan.apply(heldOut))
                .write()
                .option("compression", "zstd")
                .parquet(folder);
          }
          return FidelitySummaries.of(spark.read().schema(OutputSchema.FIDELITY).parquet(folder));
        },
        summaries -> String.format("%,d proteins that calibration did not see", proteins));
  }

  private Dataset<Row> heldOut(Calibration calibration, Ingested ingested) {
    Set<String> seen = Set.copyOf(calibration.proteinSha256());
    return settings.fidelitySample() == RunSettings.ALL
        ? ingested.proteins().filter(not(col("sha256").isInCollection(seen)))
        : ProteinSample.fidelity(ingested.proteins(), settings.fidelitySample(), seen)
            .dataset(spark);
  }

  private void embed(ProteinEmbedder embedder, EmbedCounters counters, Ingested ingested) {
    RunSettings.EmbeddingSettings wanted = settings.embedding();
    String name = Mode.labels(settings.modes(), "+");
    long tokens = (ingested.residues() + 2 * ingested.accepted()) * settings.modes().size();
    phases.run(
        name,
        () -> {
          try (TaskProgress progress =
              TaskProgress.watch(
                  spark.sparkContext(),
                  phases.console(),
                  name,
                  ingested.accepted(),
                  settings.modes().size(),
                  tokens,
                  counters)) {
            new Embed(
                    embedder,
                    new EmbeddingColumns(
                        wanted.cls(), wanted.residues(), !wanted.layers().isEmpty()))
                .run(
                    ingested.proteins(),
                    ProteinPlan.of(ingested.proteins(), parallelism()),
                    output.resolve("embeddings"));
          }
          return tokens;
        },
        run -> String.format("%,d proteins, %,d tokens", ingested.accepted(), run));
  }

  private Manifest commit(
      ModelIdentity model,
      Calibration calibration,
      Map<String, FidelitySummary> fidelity,
      EmbedCounters counters,
      Ingested ingested) {
    Manifest.Counts counts =
        phases.run(
            "check",
            () -> {
              writeRejects(ingested);
              return counted(ingested, fidelity);
            },
            checked ->
                String.format(
                    "every record is accounted for: %,d = %,d embedded + %,d rejected",
                    checked.recordsRead(), checked.accepted(), checked.rejected()));
    Manifest manifest =
        RunManifest.of(
            spark,
            settings,
            model,
            calibration == null
                ? null
                : new Manifest.Calibrated(
                    CALIBRATION_FILE,
                    calibration.hash(),
                    calibration.spec().label(),
                    calibration.proteinSha256().size(),
                    calibration.tokens(),
                    calibration.codec().tableBytes()),
            ingested,
            counts,
            phases,
            counters.statistics().value(),
            fidelity,
            output.files());
    output.complete(manifest);
    return manifest;
  }

  /** Those of the input, and the embedding job's, which leave the embeddings for here. */
  private void writeRejects(Ingested ingested) {
    Dataset<Row> rejects = ingested.rejects();
    boolean outOfMemory = output.has(OutOfMemoryRejects.FOLDER);
    if (outOfMemory) {
      OutOfMemoryRejects unfit =
          OutOfMemoryRejects.read(
              spark, output.resolve(OutOfMemoryRejects.FOLDER), ingested.proteins());
      unfit.requireFewerThan(ingested.accepted());
      rejects = rejects.union(unfit.rejects());
    }
    rejects
        .coalesce(1)
        .write()
        .option("compression", "zstd")
        .parquet(output.resolve("rejects").toString());
    if (outOfMemory) {
      output.remove(OutOfMemoryRejects.FOLDER);
    }
  }

  /** Counts what was written, and holds it against what was read. */
  private Manifest.Counts counted(Ingested ingested, Map<String, FidelitySummary> fidelity) {
    Map<String, Long> embedded = rows("embeddings", OutputSchema.MODE);
    Map<String, Long> rejected = rows("rejects", "code");
    long rejects = rejected.values().stream().mapToLong(Long::longValue).sum();
    Map<String, Long> ordered = new LinkedHashMap<>();
    for (Mode mode : settings.modes()) {
      long rows = embedded.getOrDefault(mode.label(), 0L);
      ordered.put(mode.label(), rows);
      if (rows + rejects != ingested.recordsRead()) {
        throw new TurboEsmException(
            "the output does not account for every record: "
                + ingested.recordsRead()
                + " were read, but mode "
                + mode.label()
                + " has "
                + rows
                + " embeddings and there are "
                + rejects
                + " rejects; the run has failed and has no manifest");
      }
    }
    return new Manifest.Counts(
        ingested.recordsRead(),
        ingested.recordsRead() - rejects,
        rejects,
        ordered,
        rejected,
        fidelity.values().stream().mapToLong(FidelitySummary::proteins).max().orElse(0));
  }

  private Map<String, Long> rows(String folder, String column) {
    Map<String, Long> counts = new TreeMap<>();
    spark
        .read()
        .parquet(output.resolve(folder).toString())
        .groupBy(column)
        .count()
        .collectAsList()
        .forEach(row -> counts.put(row.getString(0), row.getLong(1)));
    return counts;
  }

  private int parallelism() {
    return spark.sparkContext().defaultParallelism();
  }

  private Configuration hadoop() {
    return spark.sparkContext().hadoopConfiguration();
  }
}
