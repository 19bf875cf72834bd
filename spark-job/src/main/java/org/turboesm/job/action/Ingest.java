package org.turboesm.job.action;

import java.util.List;
import org.apache.spark.sql.SparkSession;

/** Reads proteins, and accounts for every record. */
public final class Ingest {
  private Ingest() {}

  /**
   * @param inputs the values of {@code --input}
   * @return to be closed when the proteins have been used
   */
  public static Ingested run(SparkSession spark, List<String> inputs) {
    throw new UnsupportedOperationException("not written yet");
  }
}
