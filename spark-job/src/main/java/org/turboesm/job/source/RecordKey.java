package org.turboesm.job.source;

/**
 * Where a record stands.
 *
 * @param block the byte at which Spark's split of the file begins; 0 for Parquet
 * @param ordinal of the record in its block; for Parquet of the row in its file
 */
record RecordKey(String file, long block, long ordinal) {}
