package org.turboesm.udf;

import java.io.Serializable;
import org.apache.spark.SparkContext;
import org.apache.spark.util.LongAccumulator;

/**
 * Counts what a job has embedded, while it runs.
 *
 * @param proteins done in all modes; named, for listeners
 * @param tokens done, each once a mode; named, for listeners
 * @param statistics complete when the job is done
 */
public record EmbedCounters(
    LongAccumulator proteins, LongAccumulator tokens, EmbedStatistics statistics)
    implements Serializable {
  /** The name of {@link #proteins} among a task's accumulators. */
  public static final String PROTEINS = "turboesm proteins";

  /** The name of {@link #tokens} among a task's accumulators. */
  public static final String TOKENS = "turboesm tokens";

  /** Fresh counters. */
  public static EmbedCounters register(SparkContext spark) {
    EmbedStatistics statistics = new EmbedStatistics();
    spark.register(statistics);
    return new EmbedCounters(
        spark.longAccumulator(PROTEINS), spark.longAccumulator(TOKENS), statistics);
  }
}
