package org.turboesm.job.action;

import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.turboesm.job.source.InputFile;

/**
 * What {@link Ingest} read. Every record is in exactly one of {@code proteins} and {@code rejects};
 * {@code recordsRead = accepted + rejected}. A file without a record counts as one record read and
 * rejected.
 *
 * @param proteins of schema PROTEINS, ids unique; read from a cache until {@link #close}
 * @param rejects of schema REJECTS
 * @param residues of all accepted proteins together
 * @param inputHash SHA-256 in hexadecimal over the ids and residues of what was accepted and the
 *     number of rejects: the same in whatever order, files and partitions the records come
 */
public record Ingested(
    Dataset<Row> proteins,
    Dataset<Row> rejects,
    List<InputFile> files,
    long recordsRead,
    long accepted,
    long rejected,
    long residues,
    String inputHash,
    Runnable release)
    implements AutoCloseable {

  /** Drops the cached records. The datasets can be used after it, but read the input anew. */
  @Override
  public void close() {
    release.run();
  }
}
