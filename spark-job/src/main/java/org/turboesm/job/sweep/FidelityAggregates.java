package org.turboesm.job.sweep;

import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.nanvl;
import static org.apache.spark.sql.functions.sum;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.turboesm.calibration.Calibration;
import org.turboesm.engine.Prefill;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;
import org.turboesm.udf.Mode;

/** From the rows of one codec's measurement in one mode, of schema FIDELITY, to its figures. */
final class FidelityAggregates {
  /** Tokens of the cache beside which tables are counted. */
  private static final int TOKENS_BESIDE_TABLES = 1024;

  private final Calibration calibration;
  private final String calibratedOn;
  private final Mode mode;
  private final Prefill prefill;

  FidelityAggregates(Calibration calibration, String calibratedOn, Mode mode, Prefill prefill) {
    this.calibration = calibration;
    this.calibratedOn = calibratedOn;
    this.mode = mode;
    this.prefill = prefill;
  }

  /**
   * @param rows read four times
   */
  FidelityRow of(Dataset<Row> rows) {
    Row means = means(rows);
    List<Double> byLayer = byLayer(rows);
    KvCodec codec = calibration.codec();
    double heads = codec.heads().stream().mapToInt(List::size).sum();
    double headDim = codec.head(0, 0).headDim();
    double bytes = codec.packedBitsPerToken() / 8.0 / heads;
    double fullBytes = 2 * headDim * Float.BYTES;
    long fp32 = means.getAs("fp32");
    long packed = means.getAs("packed");
    double reference = value(means, "pseudo_perplexity_reference", Double.NaN);
    double found = value(means, "pseudo_perplexity", Double.NaN);
    return new FidelityRow(
        calibration.spec().codec(),
        calibration.spec().keyBits(),
        calibration.spec().valueBits(),
        calibration.spec().sign(),
        calibration.spec().allotment().label(),
        meanBits(codec, true),
        meanBits(codec, false),
        calibratedOn,
        calibration.proteinSha256().size(),
        mode.label(),
        mode == Mode.DECODE ? prefill.label() : null,
        means.<Long>getAs("proteins"),
        bytes,
        codec.tableBytes(),
        (double) fp32 / packed,
        (double) fp32 / 2 / packed,
        fullBytes
            * heads
            * TOKENS_BESIDE_TABLES
            / (bytes * heads * TOKENS_BESIDE_TABLES + codec.tableBytes()),
        means.getAs("nmse"),
        byLayer.contains(null) ? null : Collections.max(byLayer),
        means.getAs("cosine"),
        means.getAs("cosine_p1"),
        means.getAs("cosine_min"),
        means.getAs("accumulated_nmse"),
        means.getAs("accumulated_cosine"),
        means.getAs("hidden_cosine_mean"),
        means.getAs("hidden_cosine_p1"),
        means.getAs("hidden_cosine_min"),
        means.getAs("hidden_nmse"),
        means.getAs("embedding_cosine"),
        means.getAs("embedding_cosine_min"),
        means.getAs("kl"),
        means.getAs("top1"),
        means.getAs("pseudo_perplexity"),
        means.getAs("pseudo_perplexity_reference"),
        Double.isNaN(found / reference) ? null : Double.valueOf(found / reference - 1),
        byLayer,
        byHead(rows),
        positions(rows));
  }

  private static double value(Row row, String column, double otherwise) {
    Double value = row.getAs(column);
    return value == null ? otherwise : value;
  }

  private static double meanBits(KvCodec codec, boolean keys) {
    return codec.heads().stream()
        .flatMap(List::stream)
        .mapToDouble(head -> Arrays.stream(bits(head, keys)).average().orElse(0))
        .average()
        .orElse(0);
  }

  private static int[] bits(HeadCodec head, boolean keys) {
    return (keys ? head.keyCodebook() : head.valueCodebook()).bits();
  }

  private static Row means(Dataset<Row> rows) {
    return rows.agg(
            count(lit(1)).as("proteins"),
            mean(overLayers("attention_nmse")).as("nmse"),
            mean(overLayers("attention_cosine_mean")).as("cosine"),
            mean(overLayers("attention_cosine_p1")).as("cosine_p1"),
            min(known(expr("array_min(attention_cosine_min)"))).as("cosine_min"),
            mean(overLayers("accumulated_attention_nmse")).as("accumulated_nmse"),
            mean(overLayers("accumulated_attention_cosine_mean")).as("accumulated_cosine"),
            mean(col("hidden_cosine_mean")).as("hidden_cosine_mean"),
            mean(col("hidden_cosine_p1")).as("hidden_cosine_p1"),
            min(known(col("hidden_cosine_min"))).as("hidden_cosine_min"),
            mean(col("hidden_nmse")).as("hidden_nmse"),
            mean(col("embedding_cosine")).as("embedding_cosine"),
            min(known(col("embedding_cosine"))).as("embedding_cosine_min"),
            mean(col("kl")).as("kl"),
            mean(col("top1_agreement")).as("top1"),
            mean(col("pseudo_perplexity")).as("pseudo_perplexity"),
            mean(col("reference_pseudo_perplexity")).as("pseudo_perplexity_reference"),
            sum(col("kv_bytes_fp32")).as("fp32"),
            sum(col("kv_bytes_packed")).as("packed"))
        .head();
  }

  /** The mean of a row's array. */
  private static Column overLayers(String column) {
    return expr("aggregate(" + column + ", 0D, (sum, x) -> sum + x) / size(" + column + ")");
  }

  /** NaN, as proteins that were prefilled as a whole have it in decode, becomes null. */
  private static Column known(Column column) {
    return nanvl(column, lit(null).cast("double"));
  }

  private static Column mean(Column column) {
    return avg(known(column));
  }

  private static List<Double> byLayer(Dataset<Row> rows) {
    List<Double> layers = new ArrayList<>();
    rows.selectExpr("posexplode(attention_nmse) as (layer, nmse)")
        .groupBy("layer")
        .agg(mean(col("nmse")).as("nmse"))
        .orderBy("layer")
        .collectAsList()
        .forEach(row -> layers.add(row.getAs("nmse")));
    return layers;
  }

  private static List<List<Double>> byHead(Dataset<Row> rows) {
    List<List<Double>> layers = new ArrayList<>();
    rows.selectExpr("posexplode(head_nmse) as (layer, heads)")
        .selectExpr("layer", "posexplode(heads) as (head, nmse)")
        .groupBy("layer", "head")
        .agg(mean(col("nmse")).as("nmse"))
        .orderBy("layer", "head")
        .collectAsList()
        .forEach(
            row -> {
              if (row.<Integer>getAs("head") == 0) {
                layers.add(new ArrayList<>());
              }
              layers.get(layers.size() - 1).add(row.getAs("nmse"));
            });
    return layers;
  }

  private static List<FidelityRow.Position> positions(Dataset<Row> rows) {
    return rows
        .selectExpr("posexplode(arrays_zip(position_tokens, position_cosine)) as (bin, figures)")
        .select(
            col("bin"),
            col("figures.position_tokens").as("tokens"),
            known(col("figures.position_cosine")).as("cosine"))
        .groupBy("bin")
        .agg(
            sum("tokens").as("tokens"),
            sum(coalesce(col("cosine").multiply(col("tokens")), lit(0.0))).as("cosines"))
        .where("tokens > 0")
        .orderBy("bin")
        .collectAsList()
        .stream()
        .map(
            row -> {
              long tokens = row.getAs("tokens");
              return new FidelityRow.Position(
                  1L << row.<Integer>getAs("bin"), tokens, row.<Double>getAs("cosines") / tokens);
            })
        .toList();
  }
}
