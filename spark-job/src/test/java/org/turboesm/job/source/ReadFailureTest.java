package org.turboesm.job.source;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.IOException;
import org.apache.hadoop.security.AccessControlException;
import org.apache.spark.SparkException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.turboesm.TurboEsmException;
import scala.collection.immutable.Map.Map1;

class ReadFailureTest {
  @ParameterizedTest
  @CsvSource({
    "a.fasta.gz, 'truncated or corrupt gzip (cut): fetch it again, or test it with gzip -t.'",
    "a.fa.bz2, 'truncated or corrupt bzip2 (cut): fetch it again, or test it with bzip2 -t.'",
    "a.faa.zst, 'truncated or corrupt zstd (cut): fetch it again, or test it with zstd -t.'",
    "a.parquet, truncated or corrupt Parquet (cut): fetch it again.",
    "a.fasta, cannot be read (cut). Check the disk or fetch the file again.",
  })
  void aFileThatCannotBeReadIsNamed(String name, String message) {
    assertThat(explained("file:///data/b%20c/" + name, new EOFException("cut")))
        .isInstanceOf(TurboEsmException.class)
        .hasMessage("file:/data/b c/" + name + ": " + message);
  }

  @Test
  void aFileThatIsGoneIsNamed() {
    assertThat(explained("hdfs://n/a.fasta.gz", new FileNotFoundException("x")))
        .hasMessageStartingWith("hdfs://n/a.fasta.gz: was there when the run began, and is gone.");
  }

  @Test
  void aFileThatMayNotBeReadIsNamed() {
    assertThat(explained("hdfs://n/a.fasta.gz", new AccessControlException("user x")))
        .hasMessageStartingWith("hdfs://n/a.fasta.gz: Spark's executors may not read it (user x).");
  }

  /** The driver's exception, where it has the executor's as text alone. */
  @Test
  void aFileIsFoundInAnExceptionsText() {
    String text =
        """
        Job aborted due to stage failure: Task 0 in stage 3.0 failed 4 times, most recent failure: \
        Lost task 0.3 in stage 3.0 (TID 9): org.apache.spark.SparkException: \
        [FAILED_READ_FILE.NO_HINT] Encountered error while reading file \
        file:///data/a.fasta.gz.  SQLSTATE: KD001
        \tat org.apache.spark.sql.errors.QueryExecutionErrors$.cannotReadFilesError(X.scala:1)
        Caused by: java.io.EOFException: Unexpected end of input stream
        \tat org.apache.hadoop.io.compress.DecompressorStream.decompress(X.java:1)
        """;
    assertThat(ReadFailure.explain(new IllegalStateException(new SparkException(text))))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageStartingWith(
            "file:/data/a.fasta.gz: truncated or corrupt gzip (Unexpected end of input stream): ");
  }

  @Test
  void anotherFailureIsNotHidden() {
    RuntimeException other = new IllegalArgumentException("x");
    assertThat(ReadFailure.explain(other)).isSameAs(other);
    Exception checked = new IOException("y");
    assertThat(ReadFailure.explain(checked)).hasMessage("y").hasCause(checked);
  }

  private static RuntimeException explained(String path, Exception cause) {
    SparkException read =
        new SparkException("FAILED_READ_FILE.NO_HINT", new Map1<>("path", path), cause);
    return ReadFailure.explain(new IllegalStateException("job aborted", read));
  }
}
