package org.turboesm.job;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.length;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sha2;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.turboesm.job.schema.OutputSchema;

/** Datasets of schema PROTEINS, made without ingest. */
final class TestProteins {
  private TestProteins() {}

  /** Random proteins p0, p1, ... of distinct residues. */
  static Dataset<Row> of(SparkSession spark, int n) {
    RandomProteins random = new RandomProteins(3);
    List<String> sequences = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      sequences.add(random.sequence(10 + i % 400));
    }
    return of(spark, sequences);
  }

  static Dataset<Row> of(SparkSession spark, List<String> sequences) {
    List<String> lines = new ArrayList<>();
    for (String sequence : sequences) {
      lines.add("p" + lines.size() + " " + sequence);
    }
    Dataset<Row> proteins =
        spark
            .createDataset(lines, Encoders.STRING())
            .selectExpr("split(value, ' ')[0] as id", "split(value, ' ')[1] as sequence")
            .withColumn("description", lit(""))
            .withColumn("sha256", sha2(col("sequence"), 256))
            .withColumn("length", length(col("sequence")))
            .withColumn("nonstandard", lit(0))
            .withColumn("file", lit("file:/proteins.fasta"));
    String[] names = OutputSchema.PROTEINS.fieldNames();
    return spark.createDataFrame(proteins.selectExpr(names).collectAsList(), OutputSchema.PROTEINS);
  }
}
