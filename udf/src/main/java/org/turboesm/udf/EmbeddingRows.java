package org.turboesm.udf;

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.function.BiConsumer;
import org.apache.spark.TaskContext;
import org.apache.spark.TaskKilledException;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.turboesm.TurboEsmException;
import org.turboesm.fidelity.Pooling;
import scala.jdk.javaapi.CollectionConverters;

/**
 * The rows of one partition, made batch by batch and mode by mode as they are asked for: no more
 * than one pass over one batch is held.
 */
final class EmbeddingRows implements Iterator<Row> {
  private final EmbedSettings settings;
  private final ModeRunner runner;
  private final ProteinBatches batches;
  private final int sequenceColumn;
  private final BiConsumer<Mode, ModeStatistics> done;

  private final ArrayDeque<Row> ready = new ArrayDeque<>();
  private ProteinBatch batch;
  private Iterator<Mode> modes;

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
      if (modes == null || !modes.hasNext()) {
        if (!batches.hasNext()) {
          return false;
        }
        batch = batches.next();
        modes = settings.modes().iterator();
      }
      runNextMode();
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

  private void runNextMode() {
    TaskContext task = TaskContext.get();
    if (task != null && task.isInterrupted()) {
      throw new TaskKilledException("the job was cancelled");
    }
    Mode mode = modes.next();
    long start = System.nanoTime();
    HiddenStates states = runner.run(mode, batch.tokens());
    long nanoseconds = System.nanoTime() - start;
    for (int s = 0; s < batch.rows().size(); s++) {
      ready.add(row(s, states, mode));
    }
    done.accept(
        mode,
        new ModeStatistics(
            batch.rows().size(),
            batch.tokens().size(),
            nanoseconds,
            runner.kvBytesFp32(batch.tokens()),
            states.kvBytesPacked(),
            states.range()));
  }

  private Row row(int sequence, HiddenStates states, Mode mode) {
    Row protein = batch.rows().get(sequence);
    int first = batch.tokens().cuSeqlens()[sequence];
    int tokens = batch.tokens().length(sequence);
    int hiddenSize = states.last().length / batch.tokens().size();

    Object[] values = new Object[EmbedPartition.columns(protein.size(), settings)];
    int column = 0;
    for (int c = 0; c < protein.size(); c++) {
      if (c != sequenceColumn) {
        values[column++] = protein.get(c);
      }
    }
    float[] embedding = Pooling.mean(states.last(), first, tokens, hiddenSize);
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
