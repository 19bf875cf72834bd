package org.turboesm.job.sweep;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.storage.StorageLevel;
import org.turboesm.TurboEsmException;
import org.turboesm.calibration.Calibration;
import org.turboesm.calibration.CalibrationAdvice;
import org.turboesm.calibration.CodecSpec;
import org.turboesm.engine.Prefill;
import org.turboesm.job.action.Calibrate;
import org.turboesm.job.action.EngineCheck;
import org.turboesm.job.action.Ingest;
import org.turboesm.job.action.Ingested;
import org.turboesm.job.action.RunManifest;
import org.turboesm.job.action.Score;
import org.turboesm.job.commit.OutputFolder;
import org.turboesm.job.plan.Organisms;
import org.turboesm.job.plan.ProteinPlan;
import org.turboesm.job.plan.ProteinSample;
import org.turboesm.job.progress.Phases;
import org.turboesm.job.schema.OutputSchema;
import org.turboesm.udf.EmbedCounters;
import org.turboesm.udf.EmbedSettings;
import org.turboesm.udf.Mode;
import org.turboesm.udf.ModelIdentity;

/**
 * Measures codecs on proteins that no calibration saw: fits all of them on the same proteins, runs
 * all over the same others, and keeps every protein's figures ({@code
 * fidelity/configuration=NNNN/*.parquet}) beside their means.
 */
public final class FidelitySweep {
  private final SparkSession spark;
  private final SweepSettings settings;
  private final Phases phases;
  private final OutputFolder output;

  /** Where calibration proteins come from, and which those are. */
  private record Source(String label, ProteinSample proteins) {
    Source {
      if (proteins.size() == 0) {
        throw new TurboEsmException(
            "no protein is left to calibrate on: all are measured on; add proteins to --input, or"
                + " name others with --calibrate-on");
      }
    }
  }

  /** What is calibrated on, each alone, and what is measured on. */
  private record Samples(List<Source> sources, ProteinSample measured) {}

  /** One measurement. */
  private record Configuration(Calibration calibration, String source, Mode mode, Prefill prefill) {
    String label() {
      return calibration.spec().label()
          + ", "
          + mode.label()
          + (mode == Mode.DECODE ? " after " + prefill.label() : "");
    }
  }

  /**
   * @param phases told of each step
   */
  public FidelitySweep(SparkSession spark, SweepSettings settings, Phases phases) {
    this.spark = spark;
    this.settings = settings;
    this.phases = phases;
    this.output = OutputFolder.of(settings.output(), spark.sparkContext().hadoopConfiguration());
  }

  /** Where the sweep writes. */
  public OutputFolder output() {
    return output;
  }

  /**
   * Runs it; the folder is complete when the report has written its files too.
   *
   * @param report writes what it makes of the rows into the folder
   */
  public List<FidelityRow> run(SweepReport report) {
    output.check(settings.overwrite());
    EngineCheck.check(settings.engine(), spark.sparkContext());
    ModelIdentity model =
        phases.run(
            "model", () -> ModelIdentity.read(settings.engine().model()), ModelIdentity::name);
    try (Ingested ingested = ingest("ingest", settings.inputs())) {
      requireOutside(ingested);
      // Chosen before anything of an older output is deleted: there may be no such proteins.
      Samples samples = samples(ingested.proteins());
      output.begin(settings.overwrite());
      List<FidelityRow> rows = measure(model, samples);
      report.write(rows, model, output).forEach(phases.console()::line);
      output.complete(
          RunManifest.ofSweep(spark, settingsByName(), model, ingested, phases, output.files()));
      return rows;
    }
  }

  private void requireOutside(Ingested ingested) {
    output.requireOutside(ingested.files().stream().map(file -> new Path(file.path())).toList());
  }

  private Ingested ingest(String phase, List<String> inputs) {
    return phases.run(
        phase,
        () -> Ingest.run(spark, inputs),
        read -> String.format("%,d proteins, %,d rejected", read.accepted(), read.rejected()));
  }

  private Samples samples(Dataset<Row> proteins) {
    if (settings.calibrationInputs().isEmpty()) {
      return settings.byOrganism() ? byOrganism(proteins) : others(proteins);
    }
    try (Ingested calibration = ingest("ingest to calibrate on", settings.calibrationInputs())) {
      requireOutside(calibration);
      ProteinSample sample = ProteinSample.calibration(calibration.proteins(), most(), Set.of());
      ProteinSample measured = heldOut(proteins, sample.sha256s(), "that calibration has not seen");
      return new Samples(List.of(new Source("another input", sample)), measured);
    }
  }

  private Samples others(Dataset<Row> proteins) {
    ProteinSample measured = heldOut(half(proteins), proteins);
    ProteinSample sample = ProteinSample.calibration(proteins, most(), measured.sha256s());
    return new Samples(List.of(new Source("other proteins", sample)), measured);
  }

  private Samples byOrganism(Dataset<Row> proteins) {
    Organisms organisms = Organisms.split(proteins);
    phases
        .console()
        .line(
            String.format(
                "organisms: %,d to calibrate on, %,d others to measure on",
                organisms.firstOrganisms(), organisms.secondOrganisms()));
    ProteinSample measured = heldOut(half(organisms.second()), organisms.second());
    ProteinSample same = ProteinSample.calibration(organisms.second(), most(), measured.sha256s());
    ProteinSample other = ProteinSample.calibration(organisms.first(), most(), measured.sha256s());
    // As many of each, so that nothing else differs.
    int size = Math.min(same.size(), other.size());
    return new Samples(
        List.of(
            new Source("the same organisms", same.first(size)),
            new Source("other organisms", other.first(size))),
        measured);
  }

  private int most() {
    return Collections.max(settings.calibrationProteins());
  }

  /** At most half of the proteins are measured on, so that others are left to calibrate on. */
  private int half(Dataset<Row> proteins) {
    long distinct = proteins.select("sha256").distinct().count();
    return (int) Math.min(settings.sample(), Math.max(1, distinct / 2));
  }

  private static ProteinSample heldOut(int n, Dataset<Row> proteins) {
    return requireAny(ProteinSample.fidelity(proteins, n, Set.of()), "");
  }

  private ProteinSample heldOut(Dataset<Row> proteins, Set<String> excluded, String which) {
    return requireAny(ProteinSample.fidelity(proteins, settings.sample(), excluded), which);
  }

  private static ProteinSample requireAny(ProteinSample sample, String which) {
    if (sample.size() == 0) {
      throw new TurboEsmException(
          ("the input has no protein to measure on " + which).strip()
              + "; add proteins to --input");
    }
    return sample;
  }

  private List<FidelityRow> measure(ModelIdentity model, Samples samples) {
    Dataset<Row> proteins = samples.measured.dataset(spark);
    ProteinPlan plan =
        ProteinPlan.of(
            proteins,
            spark.sparkContext().defaultParallelism(),
            Score.batchTokens(model.config(), settings.batchTokens()));
    Dataset<Row> planned = plan.apply(proteins).persist(StorageLevel.MEMORY_AND_DISK());
    try {
      List<FidelityRow> rows = new ArrayList<>();
      int of = measurements(samples);
      for (Source source : samples.sources) {
        for (int size : sizes(source)) {
          // Calibrations of one size at a time: those of a large model fill the driver's memory.
          for (Calibration calibration : fit(model, source, size)) {
            for (Configuration configuration : configurations(calibration, source)) {
              rows.add(measure(model, planned, configuration, rows.size(), of));
            }
          }
        }
      }
      return rows;
    } finally {
      planned.unpersist();
    }
  }

  private int measurements(Samples samples) {
    int sizes = samples.sources.stream().mapToInt(source -> sizes(source).size()).sum();
    int ways = settings.modes().stream().mapToInt(mode -> prefills(mode).size()).sum();
    return sizes * settings.codecs().size() * ways;
  }

  /** Numbers of calibration proteins, as far as there are so many. */
  private List<Integer> sizes(Source source) {
    return settings.calibrationProteins().stream()
        .map(n -> Math.min(n, source.proteins.size()))
        .distinct()
        .toList();
  }

  private List<Configuration> configurations(Calibration calibration, Source source) {
    List<Configuration> configurations = new ArrayList<>();
    for (Mode mode : settings.modes()) {
      for (Prefill prefill : prefills(mode)) {
        configurations.add(new Configuration(calibration, source.label, mode, prefill));
      }
    }
    return configurations;
  }

  private List<Prefill> prefills(Mode mode) {
    return mode == Mode.DECODE ? settings.prefills() : settings.prefills().subList(0, 1);
  }

  private List<Calibration> fit(ModelIdentity model, Source source, int size) {
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    List<CodecSpec> codecs = settings.codecs();
    List<Calibration> fitted =
        phases.run(
            "calibrate",
            () ->
                new Calibrate(context, settings.engine(), model)
                    .fit(codecs, source.proteins.first(size)),
            done ->
                String.format(
                    "%,d codecs on %,d proteins (%s), %,d tokens",
                    codecs.size(), size, source.label, done.get(0).tokens()));
    CalibrationAdvice.of(fitted.get(0)).ifPresent(phases.console()::line);
    return fitted;
  }

  private FidelityRow measure(
      ModelIdentity model, Dataset<Row> proteins, Configuration configuration, int index, int of) {
    EmbedSettings scored =
        Score.settings(
            settings.engine(),
            model,
            List.of(configuration.mode),
            configuration.prefill,
            settings.batchTokens());
    String folder = output.resolve(String.format("fidelity/configuration=%04d", index)).toString();
    return phases.run(
        String.format("measure %d of %d", index + 1, of),
        () -> {
          try (Score score =
              new Score(
                  scored,
                  configuration.calibration,
                  EmbedCounters.register(spark.sparkContext()))) {
            score.measure(proteins).write().option("compression", "zstd").parquet(folder);
          }
          return new FidelityAggregates(
                  configuration.calibration,
                  configuration.source,
                  configuration.mode,
                  configuration.prefill)
              .of(spark.read().schema(OutputSchema.FIDELITY).parquet(folder));
        },
        row ->
            String.format(
                "%s: NMSE %s, embedding cosine %s",
                configuration.label(),
                SweepReport.number(row.nmseMean()),
                SweepReport.number(row.embeddingCosineMean())));
  }

  /** By the names of the command line's options. */
  private Map<String, Object> settingsByName() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("input", settings.inputs());
    map.put("calibrate_on", settings.calibrationInputs());
    map.put("by_organism", settings.byOrganism());
    map.put("model", settings.engine().model());
    map.put("engine", settings.engine().engine());
    map.put("precision", settings.engine().precision());
    map.put("codecs", settings.codecs().stream().map(CodecSpec::label).toList());
    map.put("calibration_proteins", settings.calibrationProteins());
    map.put("modes", settings.modes().stream().map(Mode::label).toList());
    map.put("prefill", settings.prefills().stream().map(Prefill::label).toList());
    map.put("fidelity_sample", settings.sample());
    map.put("batch_tokens", settings.batchTokens());
    return map;
  }
}
