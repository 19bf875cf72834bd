package org.turboesm.job.source;

import static org.apache.spark.sql.functions.col;

import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * FASTA, read by Spark's own text reader with {@code "\n>"} as the line separator: a row is a
 * record without its {@code >}, and plain and bzip2 files split. The first row of a file is what
 * stands before the first {@code "\n>"}: the first record with its {@code >}, or blank lines.
 */
final class FastaRecords {
  private FastaRecords() {}

  static Dataset<Row> read(SparkSession spark, List<InputFile> files) {
    return spark
        .read()
        .option("lineSep", "\n>")
        .text(ProteinRecords.paths(files))
        .select(
            col("value"),
            col("_metadata.file_path").as("file"),
            col("_metadata.file_block_start").as("block"))
        .mapPartitions(
            (MapPartitionsFunction<Row, Row>) FastaRecords::parse,
            Encoders.row(ProteinRecords.SCHEMA));
  }

  private static Iterator<Row> parse(Iterator<Row> rows) {
    return new FastaIterator(rows);
  }
}
