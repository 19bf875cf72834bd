package org.turboesm.job.plan;

import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/** Deals proteins out to partitions of about equal work. */
public final class ProteinPlan {
  /** Tokens that a partition should hold. */
  public static final long TARGET_TOKENS = 16_384;

  private ProteinPlan() {}

  /** A plan with {@link #TARGET_TOKENS}. */
  public static ProteinPlan of(Dataset<Row> proteins, int parallelism) {
    return of(proteins, parallelism, TARGET_TOKENS);
  }

  /**
   * @param proteins of schema PROTEINS, the ones that will be run; read once, for their lengths
   * @param parallelism how many tasks run at once
   */
  public static ProteinPlan of(Dataset<Row> proteins, int parallelism, long targetTokens) {
    throw new UnsupportedOperationException("not written yet");
  }

  public int partitions() {
    throw new UnsupportedOperationException("not written yet");
  }

  /** The proteins in {@link #partitions} partitions, each sorted by length, the longest first. */
  public Dataset<Row> apply(Dataset<Row> proteins) {
    throw new UnsupportedOperationException("not written yet");
  }
}
