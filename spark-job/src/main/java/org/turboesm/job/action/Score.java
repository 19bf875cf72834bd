package org.turboesm.job.action;

import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.turboesm.calibration.Calibration;
import org.turboesm.job.schema.OutputSchema;
import org.turboesm.udf.EmbedCounters;
import org.turboesm.udf.EmbedSettings;
import org.turboesm.udf.FidelityPartition;

/** Measures what the packed cache costs, on proteins that calibration did not see. */
final class Score {
  /**
   * Tokens of a batch. A measurement keeps the attention of every layer, so its batches are smaller
   * than those of an embedding.
   */
  static final int BATCH_TOKENS = 2048;

  private final EmbedSettings settings;
  private final Calibration calibration;
  private final EmbedCounters counters;

  Score(EmbedSettings settings, Calibration calibration, EmbedCounters counters) {
    this.settings = settings;
    this.calibration = calibration;
    this.counters = counters;
  }

  /**
   * @param proteins of schema PROTEINS, in the partitions they are to be run in
   * @return of schema FIDELITY; computed when it is used
   */
  Dataset<Row> measure(Dataset<Row> proteins) {
    JavaSparkContext spark =
        JavaSparkContext.fromSparkContext(proteins.sparkSession().sparkContext());
    return proteins.mapPartitions(
        new FidelityPartition(
            settings,
            spark.broadcast(calibration),
            proteins.schema(),
            OutputSchema.FIDELITY,
            counters),
        Encoders.row(OutputSchema.FIDELITY));
  }
}
