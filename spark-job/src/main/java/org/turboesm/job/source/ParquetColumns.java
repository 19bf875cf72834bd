package org.turboesm.job.source;

import java.io.IOException;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.parquet.schema.LogicalTypeAnnotation.StringLogicalTypeAnnotation;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.Type;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;
import org.turboesm.TurboEsmException;

/**
 * The columns that a Parquet file of proteins must have. Spark would read a missing one as nulls.
 */
final class ParquetColumns {
  private static final String EXPECTED =
      "expected: id (string), sequence (string) and, if you like, description (string)."
          + " Rename or cast the columns, then run again.";

  private ParquetColumns() {}

  /** Reads each file's footer, in tasks. */
  static void check(SparkSession spark, List<InputFile> files) {
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    Broadcast<SerializableConfiguration> hadoop =
        context.broadcast(
            new SerializableConfiguration(spark.sparkContext().hadoopConfiguration()));
    List<String> paths = files.stream().map(InputFile::path).toList();
    int tasks = Math.min(paths.size(), 4 * context.defaultParallelism());
    List<String> problems =
        context
            .parallelize(paths, tasks)
            .map(path -> problem(path, hadoop.value().value()))
            .filter(Objects::nonNull)
            .collect();
    hadoop.destroy();
    if (!problems.isEmpty()) {
      throw new TurboEsmException(problems.get(0));
    }
  }

  /** Null if there is none. */
  private static String problem(String path, Configuration hadoop) {
    try (ParquetFileReader reader =
        ParquetFileReader.open(HadoopInputFile.fromPath(new Path(path), hadoop))) {
      return problem(path, reader.getFileMetaData().getSchema());
    } catch (IOException | RuntimeException e) {
      return ReadFailure.damaged(path, "Parquet", e.getMessage());
    }
  }

  /** Null if there is none. */
  static String problem(String path, MessageType schema) {
    if (isString(schema, "id", true)
        && isString(schema, "sequence", true)
        && isString(schema, "description", false)) {
      return null;
    }
    String found =
        schema.getFields().stream().map(Type::toString).collect(Collectors.joining(", "));
    return path + ": not the columns of proteins. Found: " + found + "; " + EXPECTED;
  }

  private static boolean isString(MessageType schema, String name, boolean required) {
    if (!schema.containsField(name)) {
      return !required;
    }
    Type type = schema.getType(name);
    return type.isPrimitive()
        && !type.isRepetition(Type.Repetition.REPEATED)
        && type.getLogicalTypeAnnotation() instanceof StringLogicalTypeAnnotation;
  }
}
