package org.turboesm.udf;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.function.BiConsumer;
import org.apache.spark.TaskContext;
import org.apache.spark.TaskKilledException;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.turboesm.OutOfDeviceMemoryException;
import org.turboesm.TurboEsmException;
import org.turboesm.engine.Pooling;
import scala.jdk.javaapi.CollectionConverters;

/**
 * The rows of one partition, made batch by batch as they are asked for: no more than one batch's
 * are held.
 *
 * <p>A batch that does not fit the device's memory in one of the modes is run again in halves, in
 * all of them, and later batches have the smaller size. A protein that does not fit by itself has a
 * row of mode {@link ProteinEmbedder#REJECTED} and no other.
 */
final class EmbeddingRows implements Iterator<Row> {
  private static final Logger LOG = LoggerFactory.getLogger(EmbeddingRows.class);
  private static final float[] NO_VALUES = {};

  private final EmbedSettings settings;
  private final ModeRunner runner;
  private final ProteinBatches batches;
  private final int sequenceColumn;
  private final BiConsumer<Mode, ModeStatistics> done;

  private final ArrayDeque<Row> ready = new ArrayDeque<>();

  /**
   * @param done told of each pass
   */
  EmbeddingRows(
      EmbedSettings settings,
      ModeRunner runner,
      Iterator<Row> proteins,
      int sequenceColumn,
      BiConsumer<Mode, ModeStatistics> done) {
    this.settings = settings;
    this.runner = runner;
    this.batches = new ProteinBatches(proteins, sequenceColumn, settings.batchTokens());
    this.sequenceColumn = sequenceColumn;
    this.done = done;
  }

  @Override
  public boolean hasNext() {
    while (ready.isEmpty()) {
      if (!batches.hasNext()) {
        return false;
      }
      batches.runNext(runner.engine(), this::run, this::reject);
    }
    return true;
  }

  @Override
  public Row next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    return ready.remove();
  }

  /** Readies the rows of all modes and counts their passes, or neither. */
  private void run(ProteinBatch batch) {
    List<Row> rows = new ArrayList<>();
    Map<Mode, ModeStatistics> passes = new EnumMap<>(Mode.class);
    for (Mode mode : settings.modes()) {
      requireNotKilled();
      long start = System.nanoTime();
      HiddenStates states = runner.run(mode, batch.tokens());
      long nanoseconds = System.nanoTime() - start;
      for (int s = 0; s < batch.rows().size(); s++) {
        rows.add(row(batch, s, states, mode));
      }
      passes.put(
          mode,
          new ModeStatistics(
              batch.rows().size(),
              batch.tokens().size(),
              nanoseconds,
              runner.kvBytesFp32(batch.tokens()),
              states.kvBytesPacked(),
              states.range()));
    }
    ready.addAll(rows);
    passes.forEach(done);
  }

  private static void requireNotKilled() {
    TaskContext task = TaskContext.get();
    if (task != null && task.isInterrupted()) {
      throw new TaskKilledException("the job was cancelled");
    }
  }

  private void reject(Row protein, OutOfDeviceMemoryException refused) {
    LOG.warn(
        "protein {} of {} residues is rejected: {}",
        name(protein),
        protein.getString(sequenceColumn).length(),
        refused.getMessage());
    ready.add(rejected(protein));
  }

  private Row rejected(Row protein) {
    Object[] values = carried(protein);
    int column = protein.size() - 1;
    values[column++] = NO_VALUES;
    if (settings.cls()) {
      values[column++] = NO_VALUES;
    }
    if (settings.residues()) {
      values[column++] = new float[0][];
    }
    if (!settings.layers().isEmpty()) {
      values[column++] = CollectionConverters.asScala(Map.of());
    }
    values[column] = ProteinEmbedder.REJECTED;
    return RowFactory.create(values);
  }

  /** A row's values, as yet only those of the protein's columns but for its sequence. */
  private Object[] carried(Row protein) {
    Object[] values = new Object[EmbedPartition.columns(protein.size(), settings)];
    int column = 0;
    for (int c = 0; c < protein.size(); c++) {
      if (c != sequenceColumn) {
        values[column++] = protein.get(c);
      }
    }
    return values;
  }

  private Row row(ProteinBatch batch, int sequence, HiddenStates states, Mode mode) {
    Row protein = batch.rows().get(sequence);
    int first = batch.tokens().cuSeqlens()[sequence];
    int tokens = batch.tokens().length(sequence);
    int hiddenSize = states.means().length / batch.tokens().sequences();

    Object[] values = carried(protein);
    int column = protein.size() - 1;
    float[] embedding =
        Arrays.copyOfRange(states.means(), sequence * hiddenSize, (sequence + 1) * hiddenSize);
    requireFinite(embedding, protein, mode);
    values[column++] = embedding;
    if (settings.cls()) {
      values[column++] = Pooling.cls(states.last(), first, tokens, hiddenSize);
    }
    if (settings.residues()) {
      values[column++] = Pooling.residues(states.last(), first, tokens, hiddenSize);
    }
    if (!settings.layers().isEmpty()) {
      Map<Integer, float[]> means = new HashMap<>();
      states
          .byLayer()
          .forEach(
              (layer, hidden) -> means.put(layer, Pooling.mean(hidden, first, tokens, hiddenSize)));
      values[column++] = CollectionConverters.asScala(means);
    }
    values[column] = mode.label();
    return RowFactory.create(values);
  }

  /** One value that is not a number would spoil whatever is computed from the output. */
  private void requireFinite(float[] embedding, Row protein, Mode mode) {
    for (float value : embedding) {
      if (!Float.isFinite(value)) {
        throw new TurboEsmException(
            "mode "
                + mode.label()
                + " gives an embedding with a value of "
                + value
                + ", for "
                + name(protein)
                + "; the weights are damaged, or too large for precision "
                + settings.engine().precision());
      }
    }
  }

  /** Its first column, which is its id as a rule. */
  private Object name(Row protein) {
    int column = sequenceColumn == 0 && protein.size() > 1 ? 1 : 0;
    return protein.get(column);
  }
}
