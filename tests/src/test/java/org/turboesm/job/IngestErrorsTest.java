package org.turboesm.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.TurboEsmException;
import org.turboesm.job.action.Ingest;

/** What a person reads when an input cannot be read. */
@Tag("job")
@ExtendWith(LocalSpark.class)
class IngestErrorsTest {
  @TempDir Path folder;

  private final Set<Integer> cachedBefore = LocalSpark.cached();

  @AfterEach
  void nothingStaysCached() {
    assertThat(cachedBefore).containsAll(LocalSpark.cached());
  }

  @ParameterizedTest
  @CsvSource({"p.fasta.gz, gzip", "p.fa.bz2, bzip2", "p.faa.zst, zstd"})
  void aTruncatedFileIsNamed(String name, String format) throws IOException {
    byte[] whole = InputWriter.compress(name, new RandomProteins(1).fasta(2000));
    String file = InputWriter.write(folder, name, Arrays.copyOf(whole, whole.length / 2));
    InputWriter.write(folder, "good.fasta", ">a\nAC\n");
    assertThatThrownBy(() -> Ingest.run(LocalSpark.session(), List.of(folder.toString())))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageMatching(
            "file:\\Q%s\\E: truncated or corrupt %s \\([^()]+\\): fetch it again, or test it with %s -t\\."
                .formatted(file, format, format));
  }

  @ParameterizedTest
  @CsvSource({"p.fasta.gz, gzip", "p.fa.bz2, bzip2", "p.faa.zst, zstd"})
  void aCorruptFileIsNamed(String name, String format) throws IOException {
    byte[] content = InputWriter.compress(name, new RandomProteins(1).fasta(2000));
    content[content.length / 2] ^= 0x55;
    String file = InputWriter.write(folder, name, content);
    assertError(file, "truncated or corrupt " + format);
  }

  @ParameterizedTest
  @CsvSource({"p.fasta.gz, gzip", "p.fa.bz2, bzip2", "p.faa.zst, zstd", "p.parquet, Parquet"})
  void aFileOfAnotherFormatThanItsNameIsNamed(String name, String format) throws IOException {
    byte[] text = new RandomProteins(1).fasta(100).getBytes(StandardCharsets.UTF_8);
    assertError(InputWriter.write(folder, name, text), "truncated or corrupt " + format);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "select 'a' as id, 'MK' as seq",
        "select 'a' as id, array('MK') as sequence",
      })
  void parquetWithOtherColumnsIsNamed(String query) throws IOException {
    SparkSession spark = LocalSpark.session();
    String good = folder.resolve("a.parquet").toString();
    spark.sql("select 'a' as id, 'MK' as sequence").write().parquet(good);
    String bad = folder.resolve("b.parquet").toString();
    spark.sql(query).coalesce(1).write().parquet(bad);
    assertThatThrownBy(() -> Ingest.run(spark, List.of(good, bad)))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageStartingWith("file:" + partFile(bad) + ": not the columns of proteins. Found: ")
        .hasMessageContainingAll(
            "id", "expected: id (string), sequence (string)", "then run again");
  }

  @Test
  void truncatedParquetIsNamed() throws IOException {
    String file = parquet();
    byte[] whole = Files.readAllBytes(Path.of(file));
    Files.write(Path.of(file), Arrays.copyOf(whole, whole.length / 2));
    assertError(file, "truncated or corrupt Parquet (");
  }

  /** The footer is whole and the page can be read: only its checksum tells. */
  @Test
  void corruptParquetIsNamed() throws IOException {
    String file = parquet();
    byte[] content = Files.readAllBytes(Path.of(file));
    content[content.length / 2] ^= 0x55;
    Files.write(Path.of(file), content);
    assertError(file, "truncated or corrupt Parquet (");
  }

  @Test
  void aMissingFileIsNamed() {
    String file = folder.resolve("a.fasta").toString();
    assertThatThrownBy(() -> Ingest.run(LocalSpark.session(), List.of(file)))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageStartingWith("--input " + file + ": there is no such file or folder");
  }

  private String parquet() throws IOException {
    SparkSession spark = LocalSpark.session();
    String dataset = folder.resolve("p.parquet").toString();
    spark
        .range(5000)
        .selectExpr("concat('p', id) as id", "upper(sha2(string(id), 256)) as sequence")
        .coalesce(1)
        .write()
        .parquet(dataset);
    String file = partFile(dataset).toString();
    // Hadoop would find the damage by its own checksum, which files from elsewhere do not have.
    Files.delete(Path.of(dataset, "." + Path.of(file).getFileName() + ".crc"));
    return file;
  }

  private static Path partFile(String dataset) throws IOException {
    try (Stream<Path> files = Files.list(Path.of(dataset))) {
      return files.filter(file -> file.toString().endsWith(".parquet")).findFirst().orElseThrow();
    }
  }

  private static void assertError(String file, String problem) {
    assertThatThrownBy(() -> Ingest.run(LocalSpark.session(), List.of(file)))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageStartingWith("file:" + file + ": " + problem);
  }
}
