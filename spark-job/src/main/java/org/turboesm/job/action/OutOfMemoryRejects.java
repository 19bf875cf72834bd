package org.turboesm.job.action;

import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.lit;

import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.turboesm.TurboEsmException;
import org.turboesm.job.schema.OutputSchema;
import org.turboesm.job.source.RejectCode;
import org.turboesm.udf.ProteinEmbedder;

/**
 * The proteins that the embedding job had to reject. It writes them beside the embeddings, as a
 * mode of their own, so that Spark commits both together: a task that is run twice leaves one or
 * the other, once.
 */
final class OutOfMemoryRejects {
  /** In the output folder. */
  static final String FOLDER = "embeddings/" + OutputSchema.MODE + "=" + ProteinEmbedder.REJECTED;

  private final Dataset<Row> marked;
  private final Dataset<Row> proteins;

  private OutOfMemoryRejects(Dataset<Row> marked, Dataset<Row> proteins) {
    this.marked = marked;
    this.proteins = proteins;
  }

  /**
   * @param folder {@link #FOLDER}, which must stay until the rejects have been written
   * @param proteins of schema PROTEINS, what was to be embedded
   */
  static OutOfMemoryRejects read(SparkSession spark, Path folder, Dataset<Row> proteins) {
    return new OutOfMemoryRejects(spark.read().parquet(folder.toString()).select("id"), proteins);
  }

  /**
   * @throws TurboEsmException if there are so many rejects
   */
  void requireFewerThan(long all) {
    long rejected = marked.count();
    if (rejected >= all) {
      throw new TurboEsmException(
          "none of the "
              + all
              + " proteins fits the device's memory beside the model; take --precision int8, a"
              + " smaller model or a larger device: turboesm plan says what fits");
    }
  }

  /** Of schema REJECTS. */
  Dataset<Row> rejects() {
    return proteins
        .join(broadcast(marked), new String[] {"id"}, "left_semi")
        .select(
            col("id"),
            col("file"),
            lit(RejectCode.OUT_OF_MEMORY.name()).as("code"),
            concat(
                    lit("its "),
                    col("length"),
                    lit(" residues do not fit the device's memory beside the model"))
                .as("detail"));
  }
}
