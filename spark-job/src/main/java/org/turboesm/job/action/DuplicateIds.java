package org.turboesm.job.action;

import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.sum;

import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.storage.StorageLevel;
import org.turboesm.job.source.RejectCode;

/**
 * The ids that several records have. The first record by (file, block, ordinal) keeps it. Only ids
 * and keys are shuffled; sequences are not, unless so many ids repeat that they cannot be sent to
 * every task.
 */
final class DuplicateIds implements AutoCloseable {
  private static final long BROADCAST_LIMIT = 1_000_000;

  private final Dataset<Row> valid;
  private final Dataset<Row> repeated;
  private final long ids;
  private final long duplicates;

  private DuplicateIds(Dataset<Row> valid, Dataset<Row> repeated, long ids, long duplicates) {
    this.valid = valid;
    this.repeated = repeated;
    this.ids = ids;
    this.duplicates = duplicates;
  }

  /**
   * @param valid the records that are otherwise accepted
   */
  static DuplicateIds find(Dataset<Row> valid) {
    Dataset<Row> repeated =
        valid
            .groupBy("id")
            .agg(count(lit(1)).as("records"), min(key()).as("first"))
            .where(col("records").gt(1))
            .withColumnRenamed("id", "repeated_id")
            .persist(StorageLevel.MEMORY_AND_DISK());
    try {
      Row sums = repeated.agg(count(lit(1)), sum(col("records").minus(1))).first();
      return new DuplicateIds(
          valid, repeated, sums.getLong(0), sums.isNullAt(1) ? 0 : sums.getLong(1));
    } catch (Exception e) {
      repeated.unpersist();
      throw e;
    }
  }

  /** How many records are not the first with their id. */
  long duplicates() {
    return duplicates;
  }

  /** The valid records with all duplicates but the first left out. */
  Dataset<Row> kept() {
    return ids == 0
        ? valid
        : marked("left").where(col("first").isNull().or(col("first").equalTo(key())));
  }

  /** The other duplicates, as rejects. */
  Dataset<Row> rejects() {
    return marked("inner")
        .where(col("first").notEqual(key()))
        .select(
            col("id"),
            col("file"),
            lit(RejectCode.DUPLICATE_ID.name()).as("code"),
            concat(lit("the record that was kept is in "), col("first.file")).as("detail"));
  }

  @Override
  public void close() {
    repeated.unpersist();
  }

  private Dataset<Row> marked(String join) {
    Dataset<Row> right = ids <= BROADCAST_LIMIT ? broadcast(repeated) : repeated;
    return valid.join(right, col("id").equalTo(col("repeated_id")), join);
  }

  private static Column key() {
    return struct(col("file"), col("block"), col("ordinal"));
  }
}
