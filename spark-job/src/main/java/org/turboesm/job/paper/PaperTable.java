package org.turboesm.job.paper;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.turboesm.TurboEsmException;
import org.turboesm.calibration.Calibration;
import org.turboesm.calibration.CodecSpec;
import org.turboesm.engine.Prefill;
import org.turboesm.job.action.Calibrate;
import org.turboesm.job.action.EngineCheck;
import org.turboesm.job.action.Ingest;
import org.turboesm.job.action.Ingested;
import org.turboesm.job.action.Score;
import org.turboesm.job.plan.ProteinSample;
import org.turboesm.job.progress.Phases;
import org.turboesm.udf.EmbedCounters;
import org.turboesm.udf.EmbedSettings;
import org.turboesm.udf.EngineSpec;
import org.turboesm.udf.Mode;
import org.turboesm.udf.ModelIdentity;

/**
 * The paper's table, measured: proteins of its six kinds, prefilled and then decoded over the
 * packed cache, with the paper's codec as the paper calibrates it, on these very proteins, and held
 * out; and with the default, held out, at the same bytes and at fewer. All codecs are without a
 * tail, as the paper's is, so that every token read is a quantized one.
 */
public final class PaperTable {
  private static final String DEFAULT = "default-without-tail";

  private final SparkSession spark;
  private final EngineSpec engine;
  private final Prefill prefill;
  private final Phases phases;

  /**
   * One measurement of the six.
   *
   * @param name what was run
   * @param inSample whether calibration saw the proteins
   * @param bytesPerTokenHead packed bytes of a token in one layer and head
   * @param cosines of the decoded tokens' last hidden states, mean, by protein
   * @param layer0Cosines of their attention outputs in layer 0 on true inputs, mean, by protein
   */
  public record Measured(
      String name,
      boolean inSample,
      double bytesPerTokenHead,
      Map<String, Double> cosines,
      Map<String, Double> layer0Cosines) {}

  /**
   * All measurements.
   *
   * @param model that they are of
   */
  public record Result(ModelIdentity model, List<Measured> measured) {
    public Result {
      measured = List.copyOf(measured);
    }
  }

  /**
   * @param phases told of each step
   */
  public PaperTable(SparkSession spark, EngineSpec engine, Prefill prefill, Phases phases) {
    this.spark = spark;
    this.engine = engine;
    this.prefill = prefill;
    this.phases = phases;
  }

  /**
   * Measures.
   *
   * @param proteins a FASTA file of the six
   * @param others proteins to calibrate on for the held-out figures
   * @param calibrationProteins how many of these, at most
   */
  public Result measure(String proteins, List<String> others, int calibrationProteins) {
    EngineCheck.check(engine, spark.sparkContext());
    ModelIdentity model =
        phases.run("model", () -> ModelIdentity.read(engine.model()), ModelIdentity::name);
    try (Ingested six = ingest("the paper's proteins", List.of(proteins));
        Ingested other = ingest("proteins to calibrate on", others)) {
      ProteinSample seen = ProteinSample.fidelity(six.proteins(), Integer.MAX_VALUE, Set.of());
      ProteinSample unseen =
          ProteinSample.calibration(other.proteins(), calibrationProteins, seen.sha256s());
      if (unseen.size() == 0) {
        throw new TurboEsmException("there is no protein to calibrate on but the paper's own");
      }
      Dataset<Row> rows = seen.dataset(spark).repartition(seen.size());
      CodecSpec paper = CodecSpec.of("paper-sign", 3, 3);
      List<Measured> measured = new ArrayList<>();
      for (Calibration calibration : fit(model, seen, List.of(paper))) {
        measured.add(score(model, calibration, true, rows));
      }
      List<CodecSpec> heldOut =
          List.of(
              paper,
              CodecSpec.of(DEFAULT, 3.5, 3.5),
              CodecSpec.of(DEFAULT, 2, 2),
              CodecSpec.of(DEFAULT, 1, 1));
      for (Calibration calibration : fit(model, unseen, heldOut)) {
        measured.add(score(model, calibration, false, rows));
      }
      return new Result(model, measured);
    }
  }

  private Ingested ingest(String what, List<String> inputs) {
    return phases.run(
        "ingest " + what,
        () -> Ingest.run(spark, inputs),
        read -> String.format("%,d proteins", read.accepted()));
  }

  private List<Calibration> fit(ModelIdentity model, ProteinSample sample, List<CodecSpec> codecs) {
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    return phases.run(
        "calibrate",
        () -> new Calibrate(context, engine, model).fit(codecs, sample),
        done -> String.format("%d codecs on %,d proteins", codecs.size(), sample.size()));
  }

  private Measured score(
      ModelIdentity model, Calibration calibration, boolean inSample, Dataset<Row> proteins) {
    EmbedSettings settings =
        Score.settings(engine, model, List.of(Mode.DECODE), prefill, Integer.MAX_VALUE);
    return phases.run(
        "decode",
        () -> {
          Map<String, Double> cosines = new LinkedHashMap<>();
          Map<String, Double> layer0 = new LinkedHashMap<>();
          try (Score score =
              new Score(settings, calibration, EmbedCounters.register(spark.sparkContext()))) {
            for (Row row : score.measure(proteins).orderBy("id").collectAsList()) {
              String id = row.getAs("id");
              cosines.put(id, row.getAs("hidden_cosine_mean"));
              layer0.put(id, row.<Double>getList(row.fieldIndex("attention_cosine_mean")).get(0));
            }
          }
          double heads = (double) model.config().layers() * model.config().heads();
          return new Measured(
              calibration.spec().label(),
              inSample,
              calibration.codec().packedBitsPerToken() / 8.0 / heads,
              cosines,
              layer0);
        },
        done -> done.name() + (inSample ? ", calibrated on these proteins" : ", held out"));
  }
}
