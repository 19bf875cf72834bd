package org.turboesm.job.plan;

import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.sha2;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.turboesm.job.schema.OutputSchema;

/**
 * Some proteins of a dataset, on the driver.
 *
 * <p>Proteins with the same residues count as one, the one whose id comes first. They are ordered
 * by the SHA-256 of a fixed salt and their own sha256, and the first n taken: a random sample which
 * depends on the set of proteins alone, not on their order or partitions. Calibration and fidelity
 * have a salt each, so that the proteins that fidelity is measured on hardly change with the number
 * of those calibrated on. Near-identical proteins are not told apart from others: leave them out of
 * the input (as UniRef50 does) for a sample that shares nothing.
 *
 * @param proteins rows of schema PROTEINS, of distinct sha256, in the order of choice
 */
public record ProteinSample(List<Row> proteins) {
  private static final String CALIBRATION_SALT = "turboesm calibration 1 ";
  private static final String FIDELITY_SALT = "turboesm fidelity 1 ";

  public ProteinSample {
    proteins = List.copyOf(proteins);
  }

  /**
   * At most n proteins to calibrate on, and at most half of the distinct ones (rounded down, but
   * one at least), so that others are left to measure fidelity on. A dataset of one protein leaves
   * none.
   *
   * @param proteins of schema PROTEINS; read three times, sequences once
   */
  public static ProteinSample calibration(Dataset<Row> proteins, int n) {
    long half = proteins.select("sha256").distinct().count() / 2;
    return choose(proteins, (int) Math.min(n, Math.max(1, half)), CALIBRATION_SALT, Set.of());
  }

  /**
   * At most n proteins to calibrate on, none of them with an excluded sha256.
   *
   * @param proteins of schema PROTEINS; read twice, sequences once
   * @param excludedSha256 those of the proteins that are measured
   */
  public static ProteinSample calibration(
      Dataset<Row> proteins, int n, Set<String> excludedSha256) {
    return choose(proteins, n, CALIBRATION_SALT, excludedSha256);
  }

  /**
   * At most n proteins to measure fidelity on, none of them with an excluded sha256.
   *
   * @param proteins of schema PROTEINS; read twice, sequences once
   * @param excludedSha256 those of the proteins calibrated on, of this or another dataset
   */
  public static ProteinSample fidelity(Dataset<Row> proteins, int n, Set<String> excludedSha256) {
    return choose(proteins, n, FIDELITY_SALT, excludedSha256);
  }

  private static ProteinSample choose(
      Dataset<Row> proteins, int n, String salt, Set<String> excludedSha256) {
    SparkSession spark = proteins.sparkSession();
    Dataset<Row> distinct = proteins.groupBy("sha256").agg(min("id").as("id"));
    if (!excludedSha256.isEmpty()) {
      Dataset<Row> excluded =
          spark
              .createDataset(List.copyOf(excludedSha256), Encoders.STRING())
              .withColumnRenamed("value", "sha256");
      distinct = distinct.join(broadcast(excluded), new String[] {"sha256"}, "left_anti");
    }
    List<Row> keys =
        distinct
            .select(col("id"), sha2(concat(lit(salt), col("sha256")), 256).as("place"))
            .orderBy("place")
            .limit(n)
            .collectAsList();
    Map<String, Integer> order = new HashMap<>();
    for (Row key : keys) {
      order.put(key.getString(0), order.size());
    }
    Dataset<Row> chosen =
        spark
            .createDataset(List.copyOf(order.keySet()), Encoders.STRING())
            .withColumnRenamed("value", "id");
    List<Row> rows =
        new ArrayList<>(
            proteins.join(broadcast(chosen), new String[] {"id"}, "left_semi").collectAsList());
    rows.sort(Comparator.comparing(row -> order.get(row.<String>getAs("id"))));
    return new ProteinSample(rows);
  }

  /** The first n of these. */
  public ProteinSample first(int n) {
    return new ProteinSample(proteins.subList(0, Math.min(n, proteins.size())));
  }

  public int size() {
    return proteins.size();
  }

  /** Their residues, in the order of choice. */
  public List<String> sequences() {
    return proteins.stream().map(row -> row.<String>getAs("sequence")).toList();
  }

  /** In the order of choice. */
  public Set<String> sha256s() {
    Set<String> hashes = new LinkedHashSet<>();
    proteins.forEach(row -> hashes.add(row.getAs("sha256")));
    return hashes;
  }

  /** The proteins as a dataset of schema PROTEINS. */
  public Dataset<Row> dataset(SparkSession spark) {
    return spark.createDataFrame(proteins, OutputSchema.PROTEINS);
  }
}
