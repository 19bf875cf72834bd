package org.turboesm.udf;

import java.util.List;
import org.apache.spark.sql.Row;
import org.turboesm.esm2.TokenBatch;

/**
 * Proteins that are run together.
 *
 * @param rows as they came, in the order of the batch's sequences
 * @param tokens their tokens
 */
record ProteinBatch(List<Row> rows, TokenBatch tokens) {}
