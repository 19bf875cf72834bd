package org.turboesm.job.action;

import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.turboesm.calibration.HeldOut;
import org.turboesm.job.commit.FidelitySummary;
import org.turboesm.udf.Mode;

/** From the rows of a measurement to their means, by mode. */
final class FidelitySummaries {
  private static final List<String> SCALARS =
      List.of(
          "hidden_cosine_mean",
          "hidden_nmse",
          "embedding_cosine",
          "embedding_nmse",
          "kl",
          "top1_agreement",
          "pseudo_perplexity",
          "reference_pseudo_perplexity");

  private FidelitySummaries() {}

  /**
   * @param rows of schema FIDELITY; read twice
   * @return by mode label, in the order of the modes; only modes with rows
   */
  static Map<String, FidelitySummary> of(Dataset<Row> rows) {
    Map<String, TreeMap<Integer, Row>> layers = byLayer(rows);
    Map<String, Row> means = new LinkedHashMap<>();
    Column[] averages =
        SCALARS.stream().map(name -> avg(col(name)).as(name)).toArray(Column[]::new);
    rows.groupBy("mode")
        .agg(count(lit(1)).as("proteins"), averages)
        .collectAsList()
        .forEach(row -> means.put(row.getAs("mode"), row));
    Map<String, FidelitySummary> summaries = new LinkedHashMap<>();
    for (Mode mode : Mode.values()) {
      if (means.containsKey(mode.label())) {
        summaries.put(mode.label(), summary(means.get(mode.label()), layers.get(mode.label())));
      }
    }
    return summaries;
  }

  private static Map<String, TreeMap<Integer, Row>> byLayer(Dataset<Row> rows) {
    Map<String, TreeMap<Integer, Row>> layers = new LinkedHashMap<>();
    rows.selectExpr(
            "mode",
            "posexplode(arrays_zip(attention_cosine_mean, attention_nmse,"
                + " accumulated_attention_cosine_mean, accumulated_attention_nmse))"
                + " as (layer, figures)")
        .groupBy("mode", "layer")
        .agg(
            avg("figures.attention_cosine_mean").as("cosine"),
            avg("figures.attention_nmse").as("nmse"),
            avg("figures.accumulated_attention_cosine_mean").as("accumulated_cosine"),
            avg("figures.accumulated_attention_nmse").as("accumulated_nmse"))
        .collectAsList()
        .forEach(
            row ->
                layers
                    .computeIfAbsent(row.getAs("mode"), mode -> new TreeMap<>())
                    .put(row.getAs("layer"), row));
    return layers;
  }

  private static FidelitySummary summary(Row means, TreeMap<Integer, Row> layers) {
    double[] cosine = figures(layers, "cosine");
    double[] nmse = figures(layers, "nmse");
    return new FidelitySummary(
        means.getAs("proteins"),
        mean(cosine),
        mean(nmse),
        cosine,
        nmse,
        mean(figures(layers, "accumulated_cosine")),
        mean(figures(layers, "accumulated_nmse")),
        means.getAs("hidden_cosine_mean"),
        means.getAs("hidden_nmse"),
        means.getAs("embedding_cosine"),
        means.getAs("embedding_nmse"),
        means.getAs("kl"),
        means.getAs("top1_agreement"),
        means.getAs("pseudo_perplexity"),
        means.getAs("reference_pseudo_perplexity"));
  }

  private static double[] figures(TreeMap<Integer, Row> layers, String column) {
    return layers.values().stream().mapToDouble(row -> row.<Double>getAs(column)).toArray();
  }

  private static double mean(double[] values) {
    return Arrays.stream(values).average().orElse(Double.NaN);
  }

  /** The figures that a calibration carries with it: those of mode turbo; null without. */
  static HeldOut heldOut(Map<String, FidelitySummary> summaries) {
    FidelitySummary turbo = summaries.get(Mode.TURBO.label());
    return turbo == null
        ? null
        : new HeldOut(
            Math.toIntExact(turbo.proteins()),
            turbo.attentionCosineByLayer(),
            turbo.attentionNmseByLayer());
  }
}
