package org.turboesm.job.action;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.turboesm.calibration.Calibration;
import org.turboesm.engine.Prefill;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.job.schema.OutputSchema;
import org.turboesm.udf.EmbedCounters;
import org.turboesm.udf.EmbedSettings;
import org.turboesm.udf.EngineSpec;
import org.turboesm.udf.FidelityPartition;
import org.turboesm.udf.Mode;
import org.turboesm.udf.ModelIdentity;
import org.turboesm.udf.ModelStage;

/** Measures what the packed cache costs, on proteins that calibration did not see. */
public final class Score implements AutoCloseable {
  /** What a measurement may keep of one batch, the attention output of every layer. */
  private static final long KEPT_BYTES = 256L << 20;

  private final EmbedSettings settings;
  private final Calibration calibration;
  private final EmbedCounters counters;
  private final List<Broadcast<Calibration>> broadcasts = new ArrayList<>();

  /** Measures with these settings; counts what is done. */
  public Score(EmbedSettings settings, Calibration calibration, EmbedCounters counters) {
    this.settings = settings;
    this.calibration = calibration;
    this.counters = counters;
  }

  /**
   * What an executor needs to know to measure; nothing of embeddings is kept.
   *
   * @param modes of turbo and decode
   * @param prefill of mode decode
   * @param embeddingBatchTokens the most that a batch may have
   */
  public static EmbedSettings settings(
      EngineSpec engine,
      ModelIdentity model,
      List<Mode> modes,
      Prefill prefill,
      int embeddingBatchTokens) {
    return new EmbedSettings(
        engine,
        model.hash(),
        modes,
        false,
        false,
        List.of(),
        prefill,
        batchTokens(model.config(), embeddingBatchTokens));
  }

  /**
   * Tokens of a batch: at most those of an embedding, and so many as memory holds of all layers.
   */
  public static int batchTokens(EsmConfig config, int embeddingBatchTokens) {
    long bytesPerToken = (long) config.layers() * config.hiddenSize() * Float.BYTES;
    return (int) Math.min(embeddingBatchTokens, Math.max(1, KEPT_BYTES / bytesPerToken));
  }

  /**
   * Measures proteins.
   *
   * @param proteins of schema PROTEINS, in the partitions they are to be run in
   * @return of schema FIDELITY; computed when it is used, which must be before this is closed
   */
  public Dataset<Row> measure(Dataset<Row> proteins) {
    JavaSparkContext spark =
        JavaSparkContext.fromSparkContext(proteins.sparkSession().sparkContext());
    Broadcast<Calibration> shared = spark.broadcast(calibration);
    broadcasts.add(shared);
    return ModelStage.of(spark.sc(), settings.engine())
        .mapPartitions(
            proteins,
            new FidelityPartition(
                settings, shared, proteins.schema(), OutputSchema.FIDELITY, counters),
            OutputSchema.FIDELITY);
  }

  /** Takes the calibration from the executors. */
  @Override
  public void close() {
    broadcasts.forEach(Broadcast::destroy);
  }
}
