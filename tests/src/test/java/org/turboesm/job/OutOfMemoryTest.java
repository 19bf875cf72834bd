package org.turboesm.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.udf.EngineSpec;
import org.turboesm.udf.ProteinEmbedder;

/** Batches and proteins that do not fit the device's memory. */
@Tag("job")
@ExtendWith(LocalSpark.class)
class OutOfMemoryTest {
  private static final String MODEL = InProcess.goldenModel("esm_hd16");
  private static final long SEED = 29;
  private static final int UNLIMITED = Integer.MAX_VALUE;

  @TempDir Path folder;

  private static EngineSpec engine(String name) {
    return new EngineSpec(MODEL, name, "f32");
  }

  /** One partition of the residue M, so many times each. */
  private static Dataset<Row> proteins(SparkSession spark, Integer... lengths) {
    List<String> sequences = new ArrayList<>();
    for (int length : lengths) {
      sequences.add("M".repeat(length));
    }
    return spark.createDataset(sequences, Encoders.STRING()).toDF("sequence").coalesce(1);
  }

  private static List<Row> embedded(EngineSpec engine, Dataset<Row> proteins, int batchTokens) {
    return ProteinEmbedder.builder(engine)
        .batchTokens(batchTokens)
        .build()
        .embed(proteins)
        .collectAsList();
  }

  /** Eight proteins of ten tokens, and a batch holds all; 25 tokens fit. */
  @Test
  void batchesAreHalvedUntilTheyFitAndStaySmall(SparkSession spark) {
    SmallDeviceEngine.limit(25, UNLIMITED);
    Dataset<Row> proteins = proteins(spark, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8);
    List<Row> rows = embedded(engine(SmallDeviceEngineProvider.NAME), proteins, 80);

    assertThat(SmallDeviceEngine.encoded()).containsExactly(80, 40, 20, 20, 20, 20, 20, 20);
    assertThat(rows)
        .hasSize(12)
        .usingRecursiveComparison()
        .isEqualTo(embedded(engine("reference"), proteins, 80));
  }

  @Test
  void proteinThatDoesNotFitAloneIsARowOfItsOwn(SparkSession spark) {
    SmallDeviceEngine.limit(25, UNLIMITED);
    List<Row> rows =
        embedded(engine(SmallDeviceEngineProvider.NAME), proteins(spark, 30, 8, 3), 80);

    assertThat(rows)
        .extracting(row -> row.getString(1), row -> row.getList(0).size())
        .containsExactly(tuple("rejected", 0), tuple("encode", 32), tuple("encode", 32));
  }

  /** Fits in mode encode, but not in turbo: it has a row in neither. */
  @Test
  void rejectedProteinsAreAccountedForLikeAnyOther(SparkSession spark) throws IOException {
    SmallDeviceEngine.limit(UNLIMITED, 40);
    StringBuilder fasta = new StringBuilder();
    for (int i = 0; i < 6; i++) {
      fasta.append(">p" + i + "\n" + "MKVLA".repeat(i + 1) + "\n");
    }
    String input =
        InputWriter.write(
            folder, "in.fasta", fasta + ">long\n" + "W".repeat(60) + "\n>long\nAAA\n>bad\n7\n");
    Path output = folder.resolve("out");
    InProcess run =
        InProcess.run(
            "run",
            "--input",
            input,
            "--output",
            output,
            "--model",
            MODEL,
            "--engine",
            SmallDeviceEngineProvider.NAME,
            "--modes",
            "encode,turbo",
            "--calibration-proteins",
            3,
            "--fidelity-sample",
            0,
            "--pooling",
            "mean,cls,residue",
            "--layers",
            "0,-1");

    assertThat(run.code()).as(run.err()).isZero();
    assertThat(run.out()).contains("9 in, 6 embedded, 3 rejected", "1 OUT_OF_MEMORY");
    assertThat(spark.read().parquet(output + "/rejects").collectAsList())
        .extracting(row -> row.getAs("id"), row -> row.getAs("code"), row -> row.getAs("file"))
        .containsExactlyInAnyOrder(
            tuple("long", "OUT_OF_MEMORY", "file:" + input),
            tuple("long", "DUPLICATE_ID", "file:" + input),
            tuple("bad", "ILLEGAL_CHARACTER", "file:" + input));
    assertThat(spark.read().parquet(output + "/embeddings").collectAsList())
        .hasSize(12)
        .extracting(row -> row.<String>getAs("id"))
        .doesNotContain("long");
    assertThat(output.resolve("embeddings/mode=rejected")).doesNotExist();
    JsonNode counts =
        new ObjectMapper().readTree(output.resolve("manifest.json").toFile()).path("counts");
    assertThat(counts.path("accepted").asLong()).isEqualTo(6);
    assertThat(counts.path("rejected_by_code").path("OUT_OF_MEMORY").asLong()).isEqualTo(1);
  }

  private String fasta(int proteins, int residues) throws IOException {
    RandomProteins random = new RandomProteins(SEED);
    StringBuilder fasta = new StringBuilder();
    for (int i = 0; i < proteins; i++) {
      fasta.append(">p" + i + "\n" + random.sequence(residues) + "\n");
    }
    return InputWriter.write(folder, "in.fasta", fasta.toString());
  }

  private static InProcess run(String input, Path output, String mode) {
    return InProcess.run(
        "run",
        "--input",
        input,
        "--output",
        output,
        "--model",
        MODEL,
        "--engine",
        SmallDeviceEngineProvider.NAME,
        "--modes",
        mode,
        "--calibration-proteins",
        2,
        "--fidelity-sample",
        8);
  }

  /**
   * Batches of up to eight proteins of 22 tokens, of which two fit; in mode turbo each is alone.
   */
  @Test
  void fidelityOfBatchesThatDoNotFitIsMeasuredInHalves(SparkSession spark) throws IOException {
    String input = fasta(16, 20);
    SmallDeviceEngine.limit(UNLIMITED, UNLIMITED);
    InProcess unlimited = run(input, folder.resolve("unlimited"), "turbo,decode");
    assertThat(unlimited.code()).as(unlimited.err()).isZero();
    assertThat(Collections.max(SmallDeviceEngine.decoded())).isGreaterThan(44);

    SmallDeviceEngine.limit(UNLIMITED, 50);
    InProcess limited = run(input, folder.resolve("limited"), "turbo,decode");
    assertThat(limited.code()).as(limited.err()).isZero();
    assertThat(Collections.max(SmallDeviceEngine.decoded())).isGreaterThan(50);

    assertThat(fidelity(spark, "limited")).hasSize(16).isEqualTo(fidelity(spark, "unlimited"));
  }

  /** The rows in all digits. */
  private List<String> fidelity(SparkSession spark, String output) {
    return spark
        .read()
        .parquet(folder.resolve(output).resolve("fidelity").toString())
        .orderBy("id", "mode")
        .collectAsList()
        .stream()
        .map(Row::toString)
        .toList();
  }

  /** What was chosen to be measured on is not left out. */
  @ParameterizedTest
  @ValueSource(strings = {"turbo", "decode"})
  void proteinOfTheFidelitySampleThatDoesNotFitIsNamed(String mode) throws IOException {
    SmallDeviceEngine.limit(UNLIMITED, 20);
    InProcess run = run(fasta(4, 30), folder.resolve("out"), mode);

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.err())
        .containsPattern(
            "turboesm: protein p[0-3] of 30 residues, one of those to measure fidelity on, does not"
                + " fit the device's memory .*--fidelity-sample.*turboesm plan.*: 32 tokens, where"
                + " 20 fit");
    assertThat(folder.resolve("out/manifest.json")).doesNotExist();
  }

  @Test
  void calibrationProteinThatDoesNotFitIsNamed() throws IOException {
    SmallDeviceEngine.limit(20, UNLIMITED);
    InProcess run = run(fasta(4, 30), folder.resolve("out"), "turbo");

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.err())
        .containsPattern(
            "turboesm: protein p[0-3] of 30 residues, one of those to calibrate on, does not fit the"
                + " device's memory .*turboesm calibrate.*turboesm plan.*: 32 tokens, where 20 fit");
  }

  @Test
  void runInWhichNothingFitsFailsAndSaysWhatToDo() throws IOException {
    SmallDeviceEngine.limit(4, UNLIMITED);
    Path output = folder.resolve("out");
    InProcess run =
        InProcess.run(
            "embed",
            "--input",
            InputWriter.write(folder, "in.fasta", ">a\nMKVLA\n>b\nMKVLAG\n"),
            "--output",
            output,
            "--model",
            MODEL,
            "--engine",
            SmallDeviceEngineProvider.NAME);

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.err()).contains("none of the 2 proteins fits", "turboesm plan");
    assertThat(output.resolve("manifest.json")).doesNotExist();
  }
}
