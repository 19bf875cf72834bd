package org.turboesm.job.source;

import static org.apache.spark.sql.functions.col;

import java.util.List;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** Parquet files, whose columns {@link ParquetColumns} has checked: a row is a record. */
final class ParquetRecords {
  private static final StructType COLUMNS =
      new StructType()
          .add("id", DataTypes.StringType)
          .add("description", DataTypes.StringType)
          .add("sequence", DataTypes.StringType);

  private ParquetRecords() {}

  static Dataset<Row> read(SparkSession spark, List<InputFile> files) {
    return spark
        .read()
        .schema(COLUMNS)
        .option("parquet.page.verify-checksum.enabled", true)
        .parquet(ProteinRecords.paths(files))
        .select(
            col("id"),
            col("description"),
            col("sequence"),
            col("_metadata.file_path"),
            col("_metadata.row_index"))
        .map((MapFunction<Row, Row>) ParquetRecords::record, Encoders.row(ProteinRecords.SCHEMA));
  }

  private static Row record(Row row) {
    String id = row.getString(0);
    String description = row.getString(1);
    String sequence = row.getString(2);
    RecordKey key = new RecordKey(SourcePath.decode(row.getString(3)), 0, row.getLong(4));
    if (id == null || sequence == null) {
      return ProteinRecords.rejected(
          key,
          id,
          RejectCode.NULL_FIELD,
          (id == null ? "the id is null" : "the sequence is null") + " in row " + key.ordinal());
    }
    return ProteinRecords.record(key, id, description == null ? "" : description, sequence);
  }
}
