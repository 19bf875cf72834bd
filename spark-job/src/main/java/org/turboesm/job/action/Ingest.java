package org.turboesm.job.action;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.storage.StorageLevel;
import org.turboesm.TurboEsmException;
import org.turboesm.job.schema.OutputSchema;
import org.turboesm.job.source.InputFile;
import org.turboesm.job.source.InputFiles;
import org.turboesm.job.source.ProteinRecords;
import org.turboesm.job.source.ReadFailure;
import org.turboesm.job.source.RejectCode;

/**
 * Reads proteins, and accounts for every record.
 *
 * <p>Files are read once: their parsed records are kept in memory, and on disk where that is full.
 * Of records with the same id, the first by path and place in the file stays; a record that is
 * rejected for another reason does not take part in that. A file without a record is one record
 * read and rejected.
 */
public final class Ingest {
  private final SparkSession spark;
  private final List<InputFile> files;
  private final Dataset<Row> records;

  private Ingest(SparkSession spark, List<InputFile> files, Dataset<Row> records) {
    this.spark = spark;
    this.files = files;
    this.records = records;
  }

  /**
   * @param inputs the values of {@code --input}: see {@link InputFiles}
   * @return to be closed when the proteins have been used; it may hold none
   */
  public static Ingested run(SparkSession spark, List<String> inputs) {
    List<InputFile> files = InputFiles.resolve(spark.sparkContext().hadoopConfiguration(), inputs);
    Dataset<Row> records =
        ProteinRecords.read(spark, files).persist(StorageLevel.MEMORY_AND_DISK());
    try {
      return new Ingest(spark, files, records).account();
    } catch (Exception e) {
      records.unpersist();
      throw ReadFailure.explain(e);
    }
  }

  private Ingested account() {
    List<Row> counts = records.groupBy("file", "code").count().collectAsList();
    DuplicateIds duplicates = DuplicateIds.find(records.where(col("code").isNull()));
    try {
      return account(counts, duplicates);
    } catch (Exception e) {
      duplicates.close();
      throw e;
    }
  }

  /**
   * @param counts of the records as they were parsed: (file, code, count)
   */
  private Ingested account(List<Row> counts, DuplicateIds duplicates) {
    long recordsRead = 0;
    long rejected = 0;
    Set<String> filesWithRecords = new HashSet<>();
    for (Row row : counts) {
      filesWithRecords.add(row.getString(0));
      recordsRead += row.getLong(2);
      rejected += row.isNullAt(1) ? 0 : row.getLong(2);
    }
    List<Row> emptyFiles = emptyFiles(filesWithRecords);
    recordsRead += emptyFiles.size();
    rejected += emptyFiles.size() + duplicates.duplicates();

    Dataset<Row> proteins = duplicates.kept().select(proteinColumns());
    InputDigest digest = InputDigest.of(proteins);
    checkSum(recordsRead, digest.proteins(), rejected);
    return new Ingested(
        proteins,
        rejects(duplicates, emptyFiles),
        files,
        recordsRead,
        digest.proteins(),
        rejected,
        digest.residues(),
        digest.hash(rejected),
        () -> {
          duplicates.close();
          records.unpersist();
        });
  }

  private Dataset<Row> rejects(DuplicateIds duplicates, List<Row> emptyFiles) {
    return records
        .where(col("code").isNotNull())
        .select("id", "file", "code", "detail")
        .union(duplicates.rejects())
        .union(spark.createDataFrame(emptyFiles, OutputSchema.REJECTS));
  }

  private List<Row> emptyFiles(Set<String> filesWithRecords) {
    List<Row> rejects = new ArrayList<>();
    for (InputFile file : files) {
      if (!filesWithRecords.contains(file.path())) {
        String detail = "the file has " + file.size() + " bytes";
        rejects.add(RowFactory.create(null, file.path(), RejectCode.EMPTY_FILE.name(), detail));
      }
    }
    return rejects;
  }

  /** Of accepted records, in which none is null: coalesce tells Spark so. */
  private static Column[] proteinColumns() {
    return Arrays.stream(OutputSchema.PROTEINS.fields())
        .map(Ingest::notNull)
        .toArray(Column[]::new);
  }

  private static Column notNull(StructField field) {
    Column other = field.dataType().equals(DataTypes.StringType) ? lit("") : lit(0);
    return coalesce(col(field.name()), other).as(field.name());
  }

  private static void checkSum(long recordsRead, long accepted, long rejected) {
    if (recordsRead != accepted + rejected) {
      throw new TurboEsmException(
          String.format(
              "The input changed while it was read: %d records read, but %d accepted and %d"
                  + " rejected. Leave the input alone while the job runs, and run again.",
              recordsRead, accepted, rejected));
    }
  }
}
