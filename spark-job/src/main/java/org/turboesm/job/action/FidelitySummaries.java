package org.turboesm.job.action;

import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.nanvl;

import java.util.ArrayList;
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
    Column[] averages = SCALARS.stream().map(name -> mean(name).as(name)).toArray(Column[]::new);
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

  /** Of the proteins that have the figure: one that was prefilled as a whole has none of decode. */
  private static Column mean(String column) {
    return avg(nanvl(col(column), lit(null).cast("double")));
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
            mean("figures.attention_cosine_mean").as("cosine"),
            mean("figures.attention_nmse").as("nmse"),
            mean("figures.accumulated_attention_cosine_mean").as("accumulated_cosine"),
            mean("figures.accumulated_attention_nmse").as("accumulated_nmse"))
        .collectAsList()
        .forEach(
            row ->
                layers
                    .computeIfAbsent(row.getAs("mode"), mode -> new TreeMap<>())
                    .put(row.getAs("layer"), row));
    return layers;
  }

  private static FidelitySummary summary(Row means, TreeMap<Integer, Row> layers) {
    List<Double> cosine = figures(layers, "cosine");
    List<Double> nmse = figures(layers, "nmse");
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

  private static List<Double> figures(TreeMap<Integer, Row> layers, String column) {
    List<Double> figures = new ArrayList<>();
    layers.values().forEach(row -> figures.add(row.getAs(column)));
    return figures;
  }

  /** Null where a figure is. */
  private static Double mean(List<Double> figures) {
    double sum = 0;
    for (Double figure : figures) {
      if (figure == null) {
        return null;
      }
      sum += figure;
    }
    return sum / figures.size();
  }

  /** The figures that a calibration carries with it: those of mode turbo; null without. */
  static HeldOut heldOut(Map<String, FidelitySummary> summaries) {
    FidelitySummary turbo = summaries.get(Mode.TURBO.label());
    return turbo == null
        ? null
        : new HeldOut(
            Math.toIntExact(turbo.proteins()),
            turbo.attentionCosineByLayer().stream().mapToDouble(Double::doubleValue).toArray(),
            turbo.attentionNmseByLayer().stream().mapToDouble(Double::doubleValue).toArray());
  }
}
