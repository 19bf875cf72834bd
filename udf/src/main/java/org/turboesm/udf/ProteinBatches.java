package org.turboesm.udf;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.spark.sql.Row;
import org.turboesm.TurboEsmException;
import org.turboesm.esm2.EsmTokenizer;
import org.turboesm.esm2.TokenBatch;

/**
 * Takes proteins in the order they come and batches as many as fit a budget of tokens; a protein
 * beyond the budget is a batch of its own. Rows of similar length in a row make even batches.
 */
final class ProteinBatches implements Iterator<ProteinBatch> {
  private final Iterator<Row> rows;
  private final int sequenceColumn;
  private final int budget;

  private Row nextRow;
  private int[] nextTokens;

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
}
