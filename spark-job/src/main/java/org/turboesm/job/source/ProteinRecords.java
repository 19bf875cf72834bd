package org.turboesm.job.source;

import static org.apache.spark.sql.types.DataTypes.IntegerType;
import static org.apache.spark.sql.types.DataTypes.LongType;
import static org.apache.spark.sql.types.DataTypes.StringType;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * The records of all input files, cleaned or with the reason why not.
 *
 * <p>A record's key is where it stands: {@code file}, {@code block} and {@code ordinal}. Keys order
 * the records of a file as they stand in it, however Spark splits it; the block and ordinal
 * themselves depend on the splits.
 */
public final class ProteinRecords {
  static final int MAXIMUM_ID_LENGTH = 1024;

  /**
   * {@code code} and {@code detail} are null in an accepted record, whose other columns are not; in
   * a rejected one {@code id} may be null, and {@code description} to {@code nonstandard} are.
   */
  public static final StructType SCHEMA =
      new StructType()
          .add("file", StringType, false)
          .add("block", LongType, false)
          .add("ordinal", LongType, false)
          .add("id", StringType, true)
          .add("description", StringType, true)
          .add("sequence", StringType, true)
          .add("sha256", StringType, true)
          .add("length", IntegerType, true)
          .add("nonstandard", IntegerType, true)
          .add("code", StringType, true)
          .add("detail", StringType, true);

  private ProteinRecords() {}

  /**
   * Reads nothing yet but the footers of Parquet files and the ends of bzip2 files, to check them.
   *
   * @return of {@link #SCHEMA}
   */
  public static Dataset<Row> read(SparkSession spark, List<InputFile> files) {
    List<InputFile> fasta = ofFormat(files, InputFormat.FASTA);
    List<InputFile> parquet = ofFormat(files, InputFormat.PARQUET);
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    fasta.stream()
        .filter(file -> file.path().endsWith(".bz2"))
        .forEach(file -> Bzip2Ends.check(file, hadoop));
    if (parquet.isEmpty()) {
      return FastaRecords.read(spark, fasta);
    }
    ParquetColumns.check(spark, parquet);
    Dataset<Row> rows = ParquetRecords.read(spark, parquet);
    return fasta.isEmpty() ? rows : FastaRecords.read(spark, fasta).union(rows);
  }

  /** The record, if its id and its sequence are good; else the reject. */
  static Row record(RecordKey key, String id, String description, String rawSequence) {
    if (id.isBlank()) {
      return rejected(
          key, null, RejectCode.EMPTY_ID, RejectDetail.beginning("the sequence", rawSequence));
    }
    if (id.length() > MAXIMUM_ID_LENGTH) {
      return rejected(
          key,
          id.substring(0, MAXIMUM_ID_LENGTH),
          RejectCode.ID_TOO_LONG,
          "the id has " + id.length() + " characters");
    }
    CleanedSequence cleaned = SequenceCleaner.clean(rawSequence);
    if (cleaned instanceof CleanedSequence.Rejected rejected) {
      return rejected(key, id, rejected.code(), rejected.detail());
    }
    CleanedSequence.Residues sequence = (CleanedSequence.Residues) cleaned;
    return RowFactory.create(
        key.file(),
        key.block(),
        key.ordinal(),
        id,
        description,
        sequence.residues(),
        sha256(sequence.residues()),
        sequence.residues().length(),
        sequence.nonstandard(),
        null,
        null);
  }

  static Row rejected(RecordKey key, String id, RejectCode code, String detail) {
    return RowFactory.create(
        key.file(),
        key.block(),
        key.ordinal(),
        id,
        null,
        null,
        null,
        null,
        null,
        code.name(),
        detail);
  }

  /** For a reader of Spark's, which is to take them for nothing but files. */
  static String[] paths(List<InputFile> files) {
    return files.stream().map(file -> SourcePath.literal(file.path())).toArray(String[]::new);
  }

  private static List<InputFile> ofFormat(List<InputFile> files, InputFormat format) {
    return files.stream().filter(file -> file.format() == format).toList();
  }

  private static String sha256(String residues) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      return HexFormat.of().formatHex(digest.digest(residues.getBytes(StandardCharsets.US_ASCII)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
