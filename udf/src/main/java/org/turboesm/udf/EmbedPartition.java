package org.turboesm.udf;

import static org.apache.spark.sql.types.DataTypes.FloatType;
import static org.apache.spark.sql.types.DataTypes.IntegerType;
import static org.apache.spark.sql.types.DataTypes.StringType;
import static org.apache.spark.sql.types.DataTypes.createArrayType;
import static org.apache.spark.sql.types.DataTypes.createMapType;

import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.Map;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.TaskCompletionListener;
import org.turboesm.calibration.Calibration;

/**
 * From the proteins of a partition to their embeddings, a row a protein and mode, while the
 * partition is read.
 */
final class EmbedPartition implements MapPartitionsFunction<Row, Row> {
  private static final long serialVersionUID = 1L;
  private static final ArrayType FLOATS = createArrayType(FloatType, false);

  private final EmbedSettings settings;
  private final Broadcast<Calibration> calibration;
  private final int sequenceColumn;
  private final EmbedCounters counters;

  /**
   * @param calibration null where no mode needs it
   * @param sequenceColumn where the rows' residues are
   */
  EmbedPartition(
      EmbedSettings settings,
      Broadcast<Calibration> calibration,
      int sequenceColumn,
      EmbedCounters counters) {
    this.settings = settings;
    this.calibration = calibration;
    this.sequenceColumn = sequenceColumn;
    this.counters = counters;
  }

  /** The input's columns but for the sequence, the embeddings, and the mode. */
  static StructType schema(StructType proteins, String sequenceColumn, EmbedSettings settings) {
    StructField[] carried =
        Arrays.stream(proteins.fields())
            .filter(field -> !field.name().equals(sequenceColumn))
            .toArray(StructField[]::new);
    StructType schema = new StructType(carried).add("embedding", FLOATS, false);
    if (settings.cls()) {
      schema = schema.add("cls", FLOATS, false);
    }
    if (settings.residues()) {
      schema = schema.add("residues", createArrayType(FLOATS, false), false);
    }
    if (!settings.layers().isEmpty()) {
      schema = schema.add("layer_embeddings", createMapType(IntegerType, FLOATS, false), false);
    }
    return schema.add("mode", StringType, false);
  }

  /** How many columns that schema has. */
  static int columns(int proteinColumns, EmbedSettings settings) {
    return proteinColumns
        + 1
        + (settings.cls() ? 1 : 0)
        + (settings.residues() ? 1 : 0)
        + (settings.layers().isEmpty() ? 0 : 1);
  }

  @Override
  public Iterator<Row> call(Iterator<Row> proteins) {
    if (!proteins.hasNext()) {
      return Collections.emptyIterator();
    }
    Lease<ResidentModel> model = EngineHolder.lease(settings.engine(), settings.modelHash());
    atTaskEnd(model::close);
    ModeRunner runner =
        new ModeRunner(
            settings, model.value(), calibration == null ? null : calibration.getValue());
    // Listeners run in reverse order: the runner closes before the model's lease.
    atTaskEnd(runner::close);
    return new EmbeddingRows(settings, runner, proteins, sequenceColumn, this::count);
  }

  private static void atTaskEnd(Runnable close) {
    TaskCompletionListener listener = task -> close.run();
    TaskContext.get().addTaskCompletionListener(listener);
  }

  private void count(Mode mode, ModeStatistics statistics) {
    if (counters == null) {
      return;
    }
    counters.statistics().add(Map.of(mode, statistics));
    counters.passes().add(statistics.proteins());
    counters.tokens().add(statistics.tokens());
  }
}
