package org.turboesm.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Array;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;
import org.turboesm.job.TurboEsm;

/** The job jar on a cluster of two workers gives what local mode gives. */
@Tag("cluster")
class ClusterRunTest {
  private static final Duration LIMIT = Duration.ofMinutes(4);
  private static final Path JAR = Path.of(System.getProperty("turboesm.jar")).normalize();
  private static final Path CLASSPATH =
      Path.of(System.getProperty("turboesm.sparkClasspath")).normalize();

  /** Of random weights and small; the workers see the same folder. */
  private static final String MODEL =
      Path.of("src/test/resources/golden/esm_hd64").toAbsolutePath().toString();

  /** One executor on each worker. */
  private static final List<String> OPTIONS =
      List.of(
          "--class",
          "org.turboesm.job.TurboEsm",
          "--executor-memory",
          "900m",
          "--conf",
          "spark.driver.host=127.0.0.1",
          "--conf",
          "spark.cores.max=2",
          "--conf",
          "spark.scheduler.minRegisteredResourcesRatio=1.0",
          "--conf",
          "spark.scheduler.maxRegisteredResourcesWaitingTime=60s",
          "--conf",
          "spark.sql.shuffle.partitions=2",
          "--conf",
          "spark.ui.enabled=false");

  @TempDir(cleanup = CleanupMode.ON_SUCCESS)
  static Path folder;

  private static StandaloneCluster cluster;

  @BeforeAll
  static void startCluster() throws IOException, InterruptedException {
    assertThat(JAR).as("the job jar, which phase package builds").isRegularFile();
    cluster =
        StandaloneCluster.start(
            SparkInstallation.make(folder.resolve("spark"), CLASSPATH),
            folder.resolve("cluster"),
            2);
  }

  @AfterAll
  static void stopCluster() {
    if (cluster != null) {
      cluster.close();
    }
  }

  private static Path writeProteins() throws IOException {
    Random random = new Random(7);
    StringBuilder fasta = new StringBuilder();
    for (int i = 0; i < 16; i++) {
      fasta.append(">p" + i + "\n");
      random
          .ints(20 + 3 * i, 0, 20)
          .forEach(residue -> fasta.append("ACDEFGHIKLMNPQRSTVWY".charAt(residue)));
      fasta.append('\n');
    }
    fasta.append(">empty\n");
    return Files.writeString(folder.resolve("proteins.fasta"), fasta);
  }

  private static List<String> run(Path input, Path output) {
    return List.of(
        "run",
        "--input",
        input.toString(),
        "--output",
        output.toString(),
        "--model",
        MODEL,
        "--calibration-proteins",
        "6",
        "--fidelity-sample",
        "4",
        "--batch-tokens",
        "256");
  }

  @Test
  void givesWhatLocalModeGives() throws Exception {
    Path input = writeProteins();
    Path onCluster = folder.resolve("on-cluster");
    int code = cluster.submit("driver", OPTIONS, JAR, run(input, onCluster), LIMIT);
    String log = Files.readString(cluster.log("driver"));
    assertThat(code).as(log).isZero();
    assertThat(log).contains("17 in, 16 embedded, 1 rejected");
    for (int worker = 0; worker < 2; worker++) {
      assertThat(cluster.executorLogs(worker)).contains("model " + MODEL + " is resident");
    }

    Path local = folder.resolve("local");
    StringWriter err = new StringWriter();
    List<String> arguments = new ArrayList<>(run(input, local));
    arguments.addAll(List.of("--master", "local[2]"));
    int localCode =
        TurboEsm.run(
            new PrintWriter(new StringWriter()),
            new PrintWriter(err),
            arguments.toArray(String[]::new));
    assertThat(localCode).as(err.toString()).isZero();

    JsonNode clusterManifest = manifest(onCluster);
    JsonNode localManifest = manifest(local);
    for (String part : List.of("counts", "input", "cache", "model")) {
      assertThat(clusterManifest.path(part)).isEqualTo(localManifest.path(part));
    }
    assertThat(clusterManifest.path("calibration").path("hash"))
        .isEqualTo(localManifest.path("calibration").path("hash"));
    assertSameEmbeddings(embeddings(onCluster), embeddings(local));
  }

  @Test
  void errorsOfExecutorsAreSaidAlone() throws Exception {
    Path input = Files.writeString(folder.resolve("one.fasta"), ">a\nMKV\n");
    List<String> oneExecutor = new ArrayList<>(OPTIONS);
    oneExecutor.addAll(List.of("--conf", "spark.cores.max=1"));
    int code =
        cluster.submit(
            "refused",
            oneExecutor,
            JAR,
            List.of(
                "embed",
                "--input",
                input.toString(),
                "--output",
                folder.resolve("refused").toString(),
                "--engine",
                "reference",
                "--precision",
                "int8"),
            LIMIT);
    String log = Files.readString(cluster.log("refused"));
    assertThat(code).as(log).isEqualTo(1);
    assertThat(log.lines())
        .contains("turboesm: engine reference cannot run precision int8 here; it can run f32");
  }

  private static JsonNode manifest(Path output) throws IOException {
    return new ObjectMapper().readTree(output.resolve("manifest.json").toFile());
  }

  private static Map<String, Object[]> embeddings(Path output) throws SQLException {
    Map<String, Object[]> embeddings = new TreeMap<>();
    try (Connection duckDb = DriverManager.getConnection("jdbc:duckdb:");
        Statement statement = duckDb.createStatement();
        ResultSet rows =
            statement.executeQuery(
                "SELECT mode || ' ' || id || ' ' || sha256, embedding FROM read_parquet('"
                    + output
                    + "/embeddings/*/*.parquet')")) {
      while (rows.next()) {
        Array embedding = rows.getArray(2);
        embeddings.put(rows.getString(1), (Object[]) embedding.getArray());
      }
    }
    return embeddings;
  }

  private static void assertSameEmbeddings(
      Map<String, Object[]> found, Map<String, Object[]> expected) {
    assertThat(found).hasSize(3 * 16).containsOnlyKeys(expected.keySet());
    expected.forEach(
        (key, embedding) -> {
          for (int c = 0; c < embedding.length; c++) {
            assertThat((Float) found.get(key)[c])
                .as(key)
                .isCloseTo((Float) embedding[c], within(1e-6f));
          }
        });
  }
}
