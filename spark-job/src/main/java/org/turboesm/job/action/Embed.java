package org.turboesm.job.action;

import static org.apache.spark.sql.functions.lit;

import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.turboesm.job.plan.ProteinPlan;
import org.turboesm.job.schema.EmbeddingColumns;
import org.turboesm.job.schema.OutputSchema;
import org.turboesm.udf.ProteinEmbedder;

/** Embeds proteins and writes them, in one job that keeps no embedding longer than a batch. */
final class Embed {
  private final ProteinEmbedder embedder;
  private final EmbeddingColumns columns;

  Embed(ProteinEmbedder embedder, EmbeddingColumns columns) {
    this.embedder = embedder;
    this.columns = columns;
  }

  /**
   * @param proteins of schema PROTEINS
   * @param folder is made, with a folder a mode in it
   */
  void run(Dataset<Row> proteins, ProteinPlan plan, Path folder) {
    Dataset<Row> planned = plan.apply(proteins);
    Dataset<Row> input =
        planned
            .withColumn("truncated", lit(false))
            .select(
                "id", "description", "sha256", "length", "nonstandard", "truncated", "sequence");
    Dataset<Row> embeddings = embedder.embed(input);
    StructType expected = OutputSchema.embeddings(columns);
    if (!embeddings.schema().equals(expected)) {
      throw new IllegalStateException(
          "the embeddings have schema " + embeddings.schema() + ", expected " + expected);
    }
    embeddings
        .write()
        .partitionBy(OutputSchema.MODE)
        .option("compression", "zstd")
        .parquet(folder.toString());
  }
}
