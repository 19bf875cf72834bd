package org.turboesm.job;

import static org.apache.spark.sql.functions.col;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.job.action.Ingest;
import org.turboesm.job.action.Ingested;
import org.turboesm.job.schema.OutputSchema;
import org.turboesm.job.source.InputFile;
import org.turboesm.job.source.InputFiles;
import org.turboesm.job.source.ProteinRecords;
import org.turboesm.job.source.RejectCode;

@Tag("job")
@ExtendWith(LocalSpark.class)
class IngestTest {
  private static final StructType PARQUET =
      new StructType()
          .add("sequence", DataTypes.StringType)
          .add("extra", DataTypes.IntegerType)
          .add("id", DataTypes.StringType)
          .add("description", DataTypes.StringType);

  @TempDir Path folder;

  @Test
  void everyRecordIsAProteinOrAReject(SparkSession spark) throws IOException {
    String text =
        ";text\n>a first\nACDJ*\n>\nACD\n>b\n>c\nAC7\n>a second\nMK\n>"
            + "l".repeat(1025)
            + "\nA\n>d > e\nmk-l";
    String all = write("all.fasta", text);
    String empty = write("empty.fa", "");
    String blank = write("blank.faa.gz", "\r\n\n");
    try (Ingested ingested = Ingest.run(spark, List.of(folder.toString()))) {
      assertThat(ingested.proteins().schema()).isEqualTo(OutputSchema.PROTEINS);
      assertThat(rows(ingested.proteins()))
          .containsExactlyInAnyOrder(
              "a|first|ACDX|" + sha256(spark, "ACDX") + "|4|1|file:" + all,
              "d|> e|MKL|" + sha256(spark, "MKL") + "|3|0|file:" + all);
      assertThat(ingested.rejects().columns()).isEqualTo(OutputSchema.REJECTS.fieldNames());
      assertThat(rows(ingested.rejects().drop("detail")))
          .containsExactlyInAnyOrder(
              "null|file:" + all + "|NO_HEADER",
              "null|file:" + all + "|EMPTY_ID",
              "b|file:" + all + "|EMPTY_RECORD",
              "c|file:" + all + "|ILLEGAL_CHARACTER",
              "a|file:" + all + "|DUPLICATE_ID",
              "l".repeat(1024) + "|file:" + all + "|ID_TOO_LONG",
              "null|file:" + empty + "|EMPTY_FILE",
              "null|file:" + blank + "|EMPTY_FILE");
      assertThat(ingested.recordsRead()).isEqualTo(10);
      assertThat(ingested.accepted()).isEqualTo(2);
      assertThat(ingested.rejected()).isEqualTo(8);
      assertThat(ingested.residues()).isEqualTo(7);
      assertThat(ingested.files())
          .extracting(InputFile::path)
          .containsExactly("file:" + all, "file:" + blank, "file:" + empty);
      assertThat(Arrays.asList(RejectCode.values()))
          .hasSize(9)
          .allMatch(code -> code.explanation().endsWith("."));
    }
  }

  @Test
  void nothingAcceptedIsLeftToTheCaller(SparkSession spark) throws IOException {
    try (Ingested ingested = Ingest.run(spark, List.of(write("a.fasta", ">a\n")))) {
      assertThat(ingested.accepted()).isZero();
      assertThat(ingested.proteins().count()).isZero();
      assertThat(ingested.rejected()).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "p.fasta",
        "p.fa.gz",
        "p.faa.bz2",
        "p.fasta.zst",
        "a [1]{b}*?%20+é #x.fasta",
        "p.fa.bz2"
      })
  void everyFormReadsAlike(String name) throws IOException {
    SparkSession spark = LocalSpark.session().newSession();
    String file = write(name, ">a x\nAC\n>b\nMK\n", "\n>c\r\nDE\r\n>d\nFG");
    try (Ingested ingested = Ingest.run(spark, List.of(file))) {
      assertThat(rows(ingested.proteins().select("id", "description", "sequence", "file")))
          .containsExactlyInAnyOrder(
              "a|x|AC|file:" + file,
              "b||MK|file:" + file,
              "c||DE|file:" + file,
              "d||FG|file:" + file);
      assertThat(ingested.rejected()).isZero();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"p.fasta", "p.fasta.gz", "p.fasta.bz2", "p.fasta.zst"})
  void splitsAndLineEndsDoNotMatter(String name) throws IOException {
    SparkSession spark = LocalSpark.session().newSession();
    String text = new RandomProteins(1).fasta(800);
    // Half of the ids again, with other residues and descriptions: only the first ones may stay.
    String twice = text + new RandomProteins(2).fasta(400).replace("number", "again");
    Ingested plain = Ingest.run(spark, List.of(write("whole/" + name, twice)));
    List<String> expected = rows(plain.proteins().drop("file"));
    assertThat(expected).hasSize(800).noneMatch(row -> row.contains("again"));
    assertThat(plain.rejected()).isEqualTo(400);

    spark.conf().set("spark.sql.files.maxPartitionBytes", 29_989);
    String split = write("split/" + name, twice.replace("\n", "\r\n"));
    List<InputFile> files =
        InputFiles.resolve(spark.sparkContext().hadoopConfiguration(), List.of(split));
    if (name.endsWith(".fasta") || name.endsWith(".bz2")) {
      assertThat(ProteinRecords.read(spark, files).select("block").distinct().count())
          .isGreaterThan(2);
    }
    try (Ingested ingested = Ingest.run(spark, List.of(split))) {
      assertThat(rows(ingested.proteins().drop("file")))
          .containsExactlyInAnyOrderElementsOf(expected);
      assertThat(ingested.recordsRead()).isEqualTo(1200);
      assertThat(ingested.inputHash()).isEqualTo(plain.inputHash());
    }
    plain.close();
  }

  @Test
  void theFirstFileKeepsADuplicateId(SparkSession spark) throws IOException {
    String first = write("a.fasta", ">p\nAC7\n>q\nMK\n>r\nMK\n");
    String second = write("b.fasta.gz", ">p\nDE\n>q\nFG\n");
    String third = folder.resolve("c.parquet").toString();
    writeParquet(spark, third, RowFactory.create("HI", 1, "p", null));
    try (Ingested ingested = Ingest.run(spark, List.of(third, second, first))) {
      assertThat(rows(ingested.proteins().select("id", "sequence", "file")))
          .containsExactlyInAnyOrder(
              "p|DE|file:" + second, "q|MK|file:" + first, "r|MK|file:" + first);
      assertThat(
              rows(
                  ingested
                      .rejects()
                      .where(col("code").equalTo("DUPLICATE_ID"))
                      .select("id", "detail")))
          .containsExactlyInAnyOrder(
              "q|the record that was kept is in file:" + first,
              "p|the record that was kept is in file:" + second);
      assertThat(ingested.recordsRead()).isEqualTo(6);
    }
  }

  @Test
  void idsAreComparedExactly(SparkSession spark) throws IOException {
    try (Ingested ingested = Ingest.run(spark, List.of(write("a.fa", ">a\nA\n>A\nA\n>a|\nA\n")))) {
      assertThat(ingested.accepted()).isEqualTo(3);
    }
  }

  @Test
  void parquetAndFastaAreReadTogether(SparkSession spark) throws IOException {
    writeParquet(
        spark,
        folder.resolve("in/p.parquet").toString(),
        RowFactory.create("acj", 1, "a b", "its description"),
        RowFactory.create("MK", 1, "c", null),
        RowFactory.create("MK", 1, null, "x"),
        RowFactory.create(null, 1, "d", "x"),
        RowFactory.create("MK", 1, " ", "x"),
        RowFactory.create("M1", 1, "e", "x"));
    write("in/f.fasta", ">f\nMK");
    try (Ingested ingested = Ingest.run(spark, List.of(folder + "/in"))) {
      assertThat(rows(ingested.proteins().select("id", "description", "sequence", "nonstandard")))
          .containsExactlyInAnyOrder("a b|its description|ACX|1", "c||MK|0", "f||MK|0");
      assertThat(rows(ingested.rejects().select("id", "code")))
          .containsExactlyInAnyOrder(
              "null|NULL_FIELD", "d|NULL_FIELD", "null|EMPTY_ID", "e|ILLEGAL_CHARACTER");
      assertThat(rows(ingested.rejects().where(col("id").equalTo("d")).select("detail")))
          .containsExactly("the sequence is null in row 3");
    }
  }

  @Test
  void parquetNeedsNoDescription(SparkSession spark) throws IOException {
    String file = folder.resolve("p.parquet").toString();
    parquet(spark, RowFactory.create("MK", 1, "a", "x")).drop("description").write().parquet(file);
    try (Ingested ingested = Ingest.run(spark, List.of(file))) {
      assertThat(rows(ingested.proteins().select("id", "description"))).containsExactly("a|");
    }
  }

  @Test
  void theHashIsOfIdsResiduesAndRejects(SparkSession spark) throws IOException {
    String hash = hash(spark, "h.fasta", ">a x\nAC\n>b\nDE\n");
    assertThat(hash).matches("[0-9a-f]{64}");
    assertThat(hash(spark, "order.fasta", ">b\nD-e*\n>a y\nAC\n")).isEqualTo(hash);
    write("two/a.fa.gz", ">b\nDE\n");
    write("two/b.fasta", ">a\nAC\n");
    try (Ingested ingested = Ingest.run(spark, List.of(folder + "/two"))) {
      assertThat(ingested.inputHash()).isEqualTo(hash);
    }
    assertThat(hash(spark, "id.fasta", ">a x\nAC\n>c\nDE\n")).isNotEqualTo(hash);
    assertThat(hash(spark, "residue.fasta", ">a x\nAC\n>b\nDF\n")).isNotEqualTo(hash);
    assertThat(hash(spark, "swapped.fasta", ">a x\nDE\n>b\nAC\n")).isNotEqualTo(hash);
    assertThat(hash(spark, "more.fasta", ">a x\nAC\n>b\nDE\n>c\nDE")).isNotEqualTo(hash);
    assertThat(hash(spark, "reject.fasta", ">a x\nAC\n>b\nDE\n>c\n")).isNotEqualTo(hash);
  }

  @Test
  void filesAreReadOnce(SparkSession spark) throws IOException {
    String file = write("a.fasta.gz", ">a\nAC\n>b\nDE\n");
    Set<Integer> cachedBefore = LocalSpark.cached();
    try (Ingested ingested = Ingest.run(spark, List.of(file))) {
      assertThat(ingested.proteins().queryExecution().executedPlan().toString())
          .contains("InMemoryTableScan");
      assertThat(Path.of(file).toFile().delete()).isTrue();
      assertThat(ingested.proteins().count()).isEqualTo(2);
    }
    assertThat(cachedBefore).containsAll(LocalSpark.cached());
  }

  private String hash(SparkSession spark, String name, String text) throws IOException {
    try (Ingested ingested = Ingest.run(spark, List.of(write(name, text)))) {
      return ingested.inputHash();
    }
  }

  private String write(String name, String... members) throws IOException {
    return InputWriter.write(folder, name, members);
  }

  private static void writeParquet(SparkSession spark, String path, Row... rows) {
    parquet(spark, rows).write().parquet(path);
  }

  private static Dataset<Row> parquet(SparkSession spark, Row... rows) {
    return spark.createDataFrame(Arrays.asList(rows), PARQUET).coalesce(1);
  }

  private static String sha256(SparkSession spark, String residues) {
    return spark.sql("select sha2('" + residues + "', 256)").first().getString(0);
  }

  private static List<String> rows(Dataset<Row> dataset) {
    return dataset.collectAsList().stream().map(row -> row.mkString("|")).toList();
  }
}
