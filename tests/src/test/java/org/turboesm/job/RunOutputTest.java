package org.turboesm.job;

import static org.apache.spark.sql.functions.col;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.turboesm.calibration.Calibration;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.Pooling;
import org.turboesm.esm2.EsmTokenizer;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.job.schema.EmbeddingColumns;
import org.turboesm.job.schema.OutputSchema;
import scala.jdk.javaapi.CollectionConverters;

/** One run with everything on, looked at from all sides. */
@Tag("job")
@Tag("newest")
@ExtendWith(LocalSpark.class)
class RunOutputTest {
  private static final int PROTEINS = 20;
  private static final int CALIBRATED = 6;
  private static final int MEASURED = 5;
  private static final List<String> MODES = List.of("encode", "turbo", "decode");
  private static final String MODEL = InProcess.goldenModel("esm_hd32");

  @TempDir static Path folder;

  private static final Map<String, String> SEQUENCES = new HashMap<>();
  private static Path output;
  private static InProcess run;

  @BeforeAll
  static void runOnce() throws IOException {
    RandomProteins random = new RandomProteins(11);
    StringBuilder fasta = new StringBuilder();
    for (int i = 0; i < PROTEINS; i++) {
      String sequence = random.sequence(i == 0 ? 1 : 5 + 3 * i);
      SEQUENCES.put("p" + i, sequence);
      fasta.append(">p" + i + " protein " + i + "\n" + sequence + "\n");
    }
    fasta.append(">p3 again\nACD\n>\nACD\n>bad\nAC7\n>none\n");
    String input = InputWriter.write(folder, "in/proteins.fasta.gz", fasta.toString());
    output = folder.resolve("out");
    run =
        InProcess.run(
            "run",
            "--input",
            input,
            "--output",
            output,
            "--model",
            MODEL,
            "--pooling",
            "mean,cls,residue",
            "--layers",
            "0,-1",
            "--calibration-proteins",
            CALIBRATED,
            "--fidelity-sample",
            MEASURED,
            "--batch-tokens",
            "300");
  }

  @Test
  void succeedsAndReports() {
    assertThat(run.err()).contains("ingest: 24 records, 20 proteins, 4 rejected");
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(run.out())
        .contains("24 in, 20 embedded, 4 rejected")
        .contains("1 DUPLICATE_ID")
        .contains("attention cosine")
        .contains(output.toString());
  }

  @Test
  void hasTheSchemasItPromises(SparkSession spark) {
    assertSchema(
        spark.read().parquet(output + "/embeddings"),
        OutputSchema.embeddings(new EmbeddingColumns(true, true, true)));
    assertSchema(spark.read().parquet(output + "/fidelity"), OutputSchema.FIDELITY);
    assertSchema(spark.read().parquet(output + "/rejects"), OutputSchema.REJECTS);
  }

  /** But for nulls: Spark reads every Parquet column as nullable. */
  private static void assertSchema(Dataset<Row> read, StructType expected) {
    assertThat(read.schema().asNullable()).isEqualTo(expected.asNullable());
  }

  @Test
  void embedsEveryProteinOnceInEachMode(SparkSession spark) {
    for (String mode : MODES) {
      List<String> ids =
          spark.read().parquet(output + "/embeddings/mode=" + mode).collectAsList().stream()
              .map(row -> row.<String>getAs("id"))
              .toList();
      assertThat(ids).containsExactlyInAnyOrderElementsOf(SEQUENCES.keySet());
    }
  }

  /** To the bit: a protein alone is what it is in a batch. */
  @Test
  void embeddingsAreThoseOfTheEngine(SparkSession spark) {
    Map<String, List<Float>> found = floats(spark, "encode", "embedding");
    try (EsmWeights weights = EsmWeights.open(Path.of(MODEL));
        EsmEngine engine = EsmEngines.open("auto", "auto", weights)) {
      SEQUENCES.forEach(
          (id, sequence) -> {
            TokenBatch protein = TokenBatch.of(List.of(EsmTokenizer.tokenize(sequence)));
            float[] hidden = engine.encode(protein, ForwardObserver.NONE);
            float[] mean = Pooling.mean(hidden, 0, protein.size(), weights.config().hiddenSize());
            assertClose(found.get(id), mean, 0);
          });
    }
  }

  @Test
  void poolingsAndLayersAgree(SparkSession spark) {
    for (Row row : spark.read().parquet(output + "/embeddings").collectAsList()) {
      List<Float> embedding = row.getList(row.fieldIndex("embedding"));
      int hiddenSize = embedding.size();
      Map<Integer, Object> layers = row.getJavaMap(row.fieldIndex("layer_embeddings"));
      assertThat(layers).containsOnlyKeys(0, 2);
      assertThat(list(layers.get(2))).isEqualTo(embedding);
      assertThat(list(layers.get(0))).hasSize(hiddenSize).isNotEqualTo(embedding);
      assertThat(row.getList(row.fieldIndex("cls"))).hasSize(hiddenSize);
      List<Object> residues = row.getList(row.fieldIndex("residues"));
      assertThat(residues).hasSize(row.<Integer>getAs("length"));
      float[] mean = new float[hiddenSize];
      for (Object residue : residues) {
        List<Float> values = list(residue);
        for (int c = 0; c < hiddenSize; c++) {
          mean[c] += values.get(c) / residues.size();
        }
      }
      assertClose(embedding, mean, 1e-4);
    }
  }

  @Test
  void packedModesAreCloseToFullPrecisionButNotEqual(SparkSession spark) {
    Map<String, List<Float>> encode = floats(spark, "encode", "embedding");
    for (String mode : List.of("turbo", "decode")) {
      Map<String, List<Float>> packed = floats(spark, mode, "embedding");
      assertThat(packed.get("p19")).isNotEqualTo(encode.get("p19"));
    }
    float[] exact = new float[encode.get("p19").size()];
    for (int c = 0; c < exact.length; c++) {
      exact[c] = encode.get("p19").get(c);
    }
    assertThat(cosine(floats(spark, "turbo", "embedding").get("p19"), exact)).isGreaterThan(0.97);
  }

  @Test
  void measuresFidelityOnProteinsThatCalibrationDidNotSee(SparkSession spark) {
    Calibration calibration = calibration();
    assertThat(calibration.proteinSha256()).hasSize(CALIBRATED);
    assertThat(calibration.measured())
        .hasValueSatisfying(heldOut -> assertThat(heldOut.proteins()).isEqualTo(MEASURED));
    List<Row> rows = spark.read().parquet(output + "/fidelity").collectAsList();
    Set<String> modesOfProteins = new TreeSet<>();
    Set<String> proteins = new HashSet<>();
    for (Row row : rows) {
      assertThat(calibration.proteinSha256()).doesNotContain(row.<String>getAs("sha256"));
      assertThat(row.getList(row.fieldIndex("attention_cosine_mean"))).hasSize(2);
      assertThat(row.<Long>getAs("kv_bytes_fp32")).isGreaterThan(row.<Long>getAs("kv_bytes_fp16"));
      modesOfProteins.add(row.getAs("mode"));
      proteins.add(row.getAs("id"));
    }
    assertThat(rows).hasSize(2 * MEASURED);
    assertThat(proteins).hasSize(MEASURED);
    assertThat(modesOfProteins).containsExactly("decode", "turbo");
  }

  @Test
  void measuresHeadsAndPositions(SparkSession spark) {
    List<Row> rows = spark.read().parquet(output + "/fidelity").collectAsList();
    assertThat(rows).hasSize(2 * MEASURED);
    for (Row row : rows) {
      List<Object> layers = row.getList(row.fieldIndex("head_nmse"));
      assertThat(layers).hasSize(2);
      for (Object layer : layers) {
        List<Double> heads = CollectionConverters.asJava((scala.collection.Seq<Double>) layer);
        assertThat(heads).hasSize(2).allSatisfy(nmse -> assertThat(nmse).isPositive());
      }
      List<Long> tokens = row.getList(row.fieldIndex("position_tokens"));
      List<Double> cosines = row.getList(row.fieldIndex("position_cosine"));
      int measured = row.<Integer>getAs("length") + 2 - row.<Integer>getAs("prefix_tokens");
      assertThat(tokens.stream().mapToLong(Long::longValue).sum()).isEqualTo(measured);
      assertThat(cosines).hasSameSizeAs(tokens);
      for (int bin = 0; bin < tokens.size(); bin++) {
        assertThat(Double.isNaN(cosines.get(bin))).isEqualTo(tokens.get(bin) == 0);
      }
    }
  }

  private static Calibration calibration() {
    return Calibration.read(
        new org.apache.hadoop.fs.Path(output + "/calibration"), new Configuration());
  }

  @Test
  void rejectsHaveCodes(SparkSession spark) {
    assertThat(
            spark
                .read()
                .parquet(output + "/rejects")
                .select("code")
                .orderBy(col("code"))
                .collectAsList()
                .stream()
                .map(row -> row.getString(0)))
        .containsExactly("DUPLICATE_ID", "EMPTY_ID", "EMPTY_RECORD", "ILLEGAL_CHARACTER");
  }

  @Test
  void manifestAccountsForTheRun() throws IOException {
    JsonNode manifest = new ObjectMapper().readTree(output.resolve("manifest.json").toFile());
    JsonNode counts = manifest.path("counts");
    assertThat(counts.path("records_read").asLong()).isEqualTo(PROTEINS + 4);
    assertThat(counts.path("rejected").asLong()).isEqualTo(4);
    for (String mode : MODES) {
      assertThat(counts.path("embedded").path(mode).asLong()).isEqualTo(PROTEINS);
      assertThat(manifest.path("throughput").path(mode).path("proteins").asLong())
          .isEqualTo(PROTEINS);
    }
    assertThat(manifest.path("calibration").path("hash").asText()).isEqualTo(calibration().hash());
    assertThat(manifest.path("settings").path("layers")).hasSize(2);
    assertThat(manifest.path("fidelity").path("turbo").path("proteins").asLong())
        .isEqualTo(MEASURED);
    JsonNode cache = manifest.path("cache").path("turbo");
    assertThat(cache.path("fp32").asLong()).isEqualTo(2 * cache.path("fp16").asLong());
    assertThat(cache.path("packed").asLong()).isPositive().isLessThan(cache.path("fp16").asLong());
    for (JsonNode file : manifest.path("files")) {
      assertThat(output.resolve(file.path("path").asText()))
          .exists()
          .satisfies(path -> assertThat(Files.size(path)).isEqualTo(file.path("bytes").asLong()));
    }
    assertThat(output.resolve("_turboesm_unfinished")).doesNotExist();
  }

  @Test
  void duckDbReadsIt() throws SQLException {
    try (Connection duckDb = DriverManager.getConnection("jdbc:duckdb:");
        Statement statement = duckDb.createStatement()) {
      List<String> modes = new ArrayList<>();
      try (ResultSet rows =
          statement.executeQuery(
              "SELECT mode, count(*), min(len(embedding)), min(len(residues[1])) FROM read_parquet('"
                  + output
                  + "/embeddings/*/*.parquet') GROUP BY mode ORDER BY mode")) {
        while (rows.next()) {
          modes.add(rows.getString(1));
          assertThat(rows.getLong(2)).isEqualTo(PROTEINS);
          assertThat(rows.getLong(3)).isEqualTo(64);
          assertThat(rows.getLong(4)).isEqualTo(64);
        }
      }
      assertThat(modes).containsExactly("decode", "encode", "turbo");
      try (ResultSet rows =
          statement.executeQuery(
              "SELECT avg(list_avg(attention_cosine_mean)) FROM read_parquet('"
                  + output
                  + "/fidelity/*.parquet')")) {
        assertThat(rows.next()).isTrue();
        assertThat(rows.getDouble(1)).isBetween(0.5, 1.0);
      }
    }
  }

  private static Map<String, List<Float>> floats(SparkSession spark, String mode, String column) {
    Map<String, List<Float>> byId = new HashMap<>();
    spark
        .read()
        .parquet(output + "/embeddings")
        .filter(col("mode").equalTo(mode))
        .collectAsList()
        .forEach(row -> byId.put(row.getAs("id"), row.getList(row.fieldIndex(column))));
    return byId;
  }

  @SuppressWarnings("unchecked")
  private static List<Float> list(Object sequence) {
    return CollectionConverters.asJava((scala.collection.Seq<Float>) sequence);
  }

  private static void assertClose(List<Float> found, float[] expected, double tolerance) {
    assertThat(found).hasSize(expected.length);
    for (int c = 0; c < expected.length; c++) {
      assertThat((double) found.get(c)).isCloseTo(expected[c], within(tolerance));
    }
  }

  private static double cosine(List<Float> a, float[] b) {
    double dot = 0;
    double aa = 0;
    double bb = 0;
    for (int c = 0; c < b.length; c++) {
      dot += (double) a.get(c) * b[c];
      aa += (double) a.get(c) * a.get(c);
      bb += (double) b[c] * b[c];
    }
    return dot / Math.sqrt(aa * bb);
  }
}
