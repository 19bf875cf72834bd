package org.turboesm.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.turboesm.cuda.CudaDriver;
import org.turboesm.job.EmbeddingFiles;
import org.turboesm.job.TurboEsm;

/**
 * The job on a cluster whose worker has two GPUs, an executor each, on engine cuda, against the job
 * in local mode on engine cpu. Both executors see both devices, as without isolation.
 */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TwoEmulatedGpusTest {
  private static final long SEED = 31;
  private static final int PROTEINS = 8;
  private static final Pattern GPU_OF_TASK = Pattern.compile("task \\d+ has GPU (\\S+)");
  private static final Pattern DEVICE_OF_MODEL =
      Pattern.compile("is resident after .*: engine cuda, f32, device (\\d+)");

  @TempDir(cleanup = CleanupMode.ON_SUCCESS)
  static Path folder;

  private String input;
  private final List<String> executorLogs = new ArrayList<>();

  @BeforeAll
  void runOnBoth() throws Exception {
    assumeTrue(
        CudaDriver.get().devices().get(0).name().contains("emulator"), "the device is a real one");
    input = proteins();
    runOnCpu();
    runOnCluster();
  }

  private static String proteins() throws IOException {
    Random random = new Random(SEED);
    StringBuilder fasta = new StringBuilder(">none\n");
    for (int i = 0; i < PROTEINS; i++) {
      fasta.append(">p" + i + "\n");
      random
          .ints(3 + 5 * i, 0, 20)
          .forEach(residue -> fasta.append("ACDEFGHIKLMNPQRSTVWY".charAt(residue)));
      fasta.append('\n');
    }
    return Files.writeString(folder.resolve("proteins.fasta"), fasta).toString();
  }

  private List<String> run(String output, String... options) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "run",
                "--input",
                input,
                "--output",
                folder.resolve(output).toString(),
                "--model",
                Path.of("src/test/resources/golden/esm_hd32").toAbsolutePath().toString(),
                "--precision",
                "f32",
                "--fidelity-sample",
                "2"));
    arguments.addAll(List.of(options));
    return arguments;
  }

  private void runOnCpu() {
    StringWriter err = new StringWriter();
    int code =
        TurboEsm.run(
            new PrintWriter(new StringWriter()),
            new PrintWriter(err),
            run("cpu", "--engine", "cpu", "--calibration-proteins", "4", "--master", "local[2]")
                .toArray(String[]::new));
    assertThat(code).as(err.toString()).isZero();
  }

  private void runOnCluster() throws Exception {
    Map<String, String> settings =
        new TreeMap<>(
            Map.of(
                "spark.driver.host", "127.0.0.1",
                "spark.executor.cores", "1",
                "spark.executor.memory", "900m",
                "spark.executorEnv.TURBOESM_EMULATOR_DEVICES", "2",
                "spark.scheduler.minRegisteredResourcesRatio", "1.0",
                "spark.scheduler.maxRegisteredResourcesWaitingTime", "60s",
                "spark.cores.max", "2",
                "spark.sql.shuffle.partitions", "2",
                "spark.ui.enabled", "false"));
    try (StandaloneCluster cluster =
        StandaloneCluster.start(
            SparkInstallation.make(
                folder.resolve("spark"),
                Path.of(System.getProperty("turboesm.sparkClasspath")).normalize()),
            folder.resolve("cluster"),
            1,
            TwoGpuWorker.options(folder, "2g"))) {
      int code =
          cluster.submit(
              "driver",
              TwoGpuWorker.submitOptions(settings),
              Path.of(System.getProperty("turboesm.jar")).normalize(),
              run(
                  "gpus",
                  "--engine",
                  "cuda",
                  "--calibration",
                  folder.resolve("cpu/calibration").toString(),
                  "--tasks-per-gpu",
                  "1"),
              Duration.ofMinutes(4));
      assertThat(code).as(Files.readString(cluster.log("driver"))).isZero();
      executorLogs.addAll(cluster.logsOfExecutors(0));
    }
  }

  /** What a pattern's group finds in each executor's log, each once. */
  private List<String> found(Pattern pattern) {
    return executorLogs.stream()
        .map(
            log ->
                pattern
                    .matcher(log)
                    .results()
                    .map(match -> match.group(1))
                    .collect(Collectors.toCollection(TreeSet::new)))
        .map(values -> String.join(",", values))
        .sorted()
        .toList();
  }

  @Test
  void eachExecutorRunsOnAGpuOfItsOwn() {
    assertThat(found(GPU_OF_TASK)).containsExactly("0", "1");
    assertThat(found(DEVICE_OF_MODEL)).containsExactly("0", "1");
  }

  /** The limits are those of CudaJobTest over the cpu's calibration, and for its reasons. */
  @ParameterizedTest
  @CsvSource({"encode, 1e-5", "turbo, 1e-2", "decode, 1e-2"})
  void embeddingsAreThoseOfTheCpu(String mode, double limit) throws Exception {
    Map<String, float[]> expected = EmbeddingFiles.embeddings(folder.resolve("cpu"), mode);
    Map<String, float[]> embeddings = EmbeddingFiles.embeddings(folder.resolve("gpus"), mode);
    assertThat(embeddings).hasSize(PROTEINS).containsOnlyKeys(expected.keySet());
    expected.forEach(
        (id, embedding) ->
            assertThat(EmbeddingFiles.relativeError(embeddings.get(id), embedding))
                .as("%s, seed %d", id, SEED)
                .isLessThan(limit));
  }

  @Test
  void allRecordsAreAccountedForAsOnTheCpu() throws IOException {
    for (String part : List.of("counts", "input", "cache")) {
      assertThat(EmbeddingFiles.manifest(folder.resolve("gpus")).path(part))
          .as(part)
          .isEqualTo(EmbeddingFiles.manifest(folder.resolve("cpu")).path(part));
    }
  }
}
