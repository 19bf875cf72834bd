package org.turboesm.job.source;

import java.util.Iterator;
import java.util.NoSuchElementException;
import org.apache.spark.sql.Row;

/** Parses the rows of a partition: one block of a file after the other, each in order. */
final class FastaIterator implements Iterator<Row> {
  private static final String BYTE_ORDER_MARK = "\uFEFF";

  private final Iterator<Row> rows;
  private String encodedFile = "";
  private String file = "";
  private long block;
  private long ordinal;
  private Row next;

  /**
   * @param rows (value, encoded path of the file, block)
   */
  FastaIterator(Iterator<Row> rows) {
    this.rows = rows;
  }

  @Override
  public boolean hasNext() {
    while (next == null && rows.hasNext()) {
      Row row = rows.next();
      next = parse(nextKey(row.getString(1), row.getLong(2)), row.getString(0));
    }
    return next != null;
  }

  @Override
  public Row next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    Row row = next;
    next = null;
    return row;
  }

  private RecordKey nextKey(String rowFile, long rowBlock) {
    if (rowBlock != block || !rowFile.equals(encodedFile)) {
      encodedFile = rowFile;
      file = SourcePath.decode(rowFile);
      block = rowBlock;
      ordinal = 0;
    }
    return new RecordKey(file, block, ordinal++);
  }

  /** Null for the blank lines before the first header. */
  private static Row parse(RecordKey key, String text) {
    if (key.block() > 0 || key.ordinal() > 0) {
      return record(key, text);
    }
    String first = text.startsWith(BYTE_ORDER_MARK) ? text.substring(1) : text;
    if (first.startsWith(">")) {
      return record(key, first.substring(1));
    }
    return first.isBlank()
        ? null
        : ProteinRecords.rejected(
            key,
            null,
            RejectCode.NO_HEADER,
            RejectDetail.beginning("the text before the first header", first));
  }

  /**
   * @param text the header without its {@code >}, and the lines of the sequence
   */
  private static Row record(RecordKey key, String text) {
    int lineEnd = text.indexOf('\n');
    String header = (lineEnd < 0 ? text : text.substring(0, lineEnd)).strip();
    String sequence = lineEnd < 0 ? "" : text.substring(lineEnd + 1);
    int idEnd = 0;
    while (idEnd < header.length() && !Character.isWhitespace(header.charAt(idEnd))) {
      idEnd++;
    }
    return ProteinRecords.record(
        key, header.substring(0, idEnd), header.substring(idEnd).strip(), sequence);
  }
}
