package org.turboesm.udf;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.apache.spark.sql.Row;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.turboesm.OutOfDeviceMemoryException;
import org.turboesm.TurboEsmException;
import org.turboesm.engine.EsmEngine;
import org.turboesm.esm2.EsmTokenizer;
import org.turboesm.esm2.TokenBatch;

/**
 * Takes proteins in the order they come and batches as many as fit a budget of tokens; a protein
 * beyond the budget is a batch of its own. Rows of similar length in a row make even batches. A
 * batch that turns out to be too large comes again in halves.
 */
final class ProteinBatches implements Iterator<ProteinBatch> {
  private static final Logger LOG = LoggerFactory.getLogger(ProteinBatches.class);

  private final Iterator<Row> rows;
  private final int sequenceColumn;
  private final ArrayDeque<Protein> putBack = new ArrayDeque<>();
  private int budget;

  private Row nextRow;
  private int[] nextTokens;

  private record Protein(Row row, int[] tokens) {}

  /**
   * @param sequenceColumn where the rows' residues are
   * @param budget tokens of a batch
   */
  ProteinBatches(Iterator<Row> rows, int sequenceColumn, int budget) {
    this.rows = rows;
    this.sequenceColumn = sequenceColumn;
    this.budget = budget;
  }

  @Override
  public boolean hasNext() {
    return nextRow != null || fetch();
  }

  /** Reads a row ahead. Spark's iterators want hasNext() called before each next(). */
  private boolean fetch() {
    Protein again = putBack.poll();
    if (again != null) {
      nextRow = again.row;
      nextTokens = again.tokens;
      return true;
    }
    if (!rows.hasNext()) {
      nextRow = null;
      nextTokens = null;
      return false;
    }
    nextRow = rows.next();
    String sequence = nextRow.getString(sequenceColumn);
    if (sequence == null || sequence.isEmpty()) {
      throw new TurboEsmException("a protein without residues: " + nextRow);
    }
    nextTokens = EsmTokenizer.tokenize(sequence);
    return true;
  }

  @Override
  public ProteinBatch next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    List<Row> batchRows = new ArrayList<>();
    List<int[]> batchTokens = new ArrayList<>();
    long size = 0;
    do {
      batchRows.add(nextRow);
      batchTokens.add(nextTokens);
      size += nextTokens.length;
    } while (fetch() && size + nextTokens.length <= budget);
    return new ProteinBatch(batchRows, TokenBatch.of(batchTokens));
  }

  /**
   * Runs the next batch. Where it does not fit the device's memory, beside others or alone, its
   * proteins come again in smaller batches, and later batches have the smaller size.
   *
   * @param work on the engine; leaves nothing behind where it throws {@link
   *     OutOfDeviceMemoryException}
   * @param refused is given a protein that does not fit by itself
   */
  void runNext(
      EsmEngine engine,
      Consumer<ProteinBatch> work,
      BiConsumer<Row, OutOfDeviceMemoryException> refused) {
    ProteinBatch batch = next();
    try {
      engine.runBesideOrAlone(
          () -> {
            work.accept(batch);
            return batch;
          });
    } catch (OutOfDeviceMemoryException e) {
      if (batch.rows().size() == 1) {
        refused.accept(batch.rows().get(0), e);
        return;
      }
      split(batch);
      LOG.warn(
          "{} tokens do not fit; going on with batches of {}: {}",
          batch.tokens().size(),
          budget,
          e.getMessage());
    }
  }

  /**
   * Puts a batch's proteins back, to come again next in smaller batches, and halves the budget: no
   * later batch has more than half of its tokens, but for proteins that are longer.
   *
   * @param batch the last one, of more than one protein
   */
  void split(ProteinBatch batch) {
    if (batch.rows().size() < 2) {
      throw new IllegalArgumentException("a batch of one protein cannot be split");
    }
    if (nextRow != null) {
      putBack.addFirst(new Protein(nextRow, nextTokens));
      nextRow = null;
      nextTokens = null;
    }
    int[] cuSeqlens = batch.tokens().cuSeqlens();
    for (int s = batch.rows().size() - 1; s >= 0; s--) {
      int[] tokens = Arrays.copyOfRange(batch.tokens().tokens(), cuSeqlens[s], cuSeqlens[s + 1]);
      putBack.addFirst(new Protein(batch.rows().get(s), tokens));
    }
    budget = batch.tokens().size() / 2;
  }
}
