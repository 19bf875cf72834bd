package org.turboesm.udf;

import java.io.Serializable;
import org.apache.spark.SparkContext;
import org.apache.spark.util.LongAccumulator;

/**
 * Counts what a job has embedded, while it runs.
 *
 * @param passes proteins done, each once a mode
 * @param tokens done, each once a mode
 * @param statistics complete when the job is done
 */
public record EmbedCounters(
    LongAccumulator passes, LongAccumulator tokens, EmbedStatistics statistics)
    implements Serializable {
  /** Fresh counters. */
  public static EmbedCounters register(SparkContext spark) {
    EmbedStatistics statistics = new EmbedStatistics();
    spark.register(statistics);
    return new EmbedCounters(
        spark.longAccumulator("turboesm passes"),
        spark.longAccumulator("turboesm tokens"),
        statistics);
  }
}
