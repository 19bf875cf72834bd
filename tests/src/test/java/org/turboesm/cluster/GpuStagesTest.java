package org.turboesm.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

/**
 * The job on a cluster whose worker says that it has two GPUs. There are none, and {@code auto}
 * takes the processor; what Spark gives out is the same.
 */
@Tag("cluster")
class GpuStagesTest {
  private static final Pattern GPU_OF_TASK =
      Pattern.compile("stage (\\d+), task \\d+ has GPU (\\S+)");

  @TempDir(cleanup = CleanupMode.ON_SUCCESS)
  Path folder;

  private List<String> options(Path events) throws IOException {
    Map<String, String> settings =
        new TreeMap<>(
            Map.of(
                "spark.driver.host", "127.0.0.1",
                "spark.executor.cores", "2",
                "spark.executor.memory", "900m",
                "spark.executor.resource.gpu.amount", "2",
                "spark.sql.shuffle.partitions", "2",
                "spark.ui.enabled", "false",
                "spark.eventLog.enabled", "true",
                "spark.eventLog.compress", "false",
                "spark.eventLog.rolling.enabled", "false",
                "spark.eventLog.dir", Files.createDirectories(events).toUri().toString()));
    return TwoGpuWorker.submitOptions(settings);
  }

  private String proteins() throws IOException {
    String residues = "ACDEFGHIKLMNPQRSTVWY".repeat(3);
    StringBuilder fasta = new StringBuilder(">empty\n");
    for (int i = 0; i < 16; i++) {
      fasta.append(">p" + i + "\n" + residues.substring(i) + "\n");
    }
    return Files.writeString(folder.resolve("proteins.fasta"), fasta).toString();
  }

  /** The resource profile of each stage that ran. */
  private static Map<Integer, Integer> profiles(Path events) throws IOException {
    ObjectMapper json = new ObjectMapper();
    Map<Integer, Integer> profiles = new TreeMap<>();
    try (Stream<Path> files = Files.list(events)) {
      for (String line : Files.readAllLines(files.findFirst().orElseThrow())) {
        JsonNode event = json.readTree(line);
        if (event.path("Event").asText().equals("SparkListenerStageCompleted")) {
          JsonNode stage = event.path("Stage Info");
          profiles.put(
              stage.required("Stage ID").intValue(),
              stage.required("Resource Profile Id").intValue());
        }
      }
    }
    return profiles;
  }

  @Test
  void onlyTheModelsStagesHaveGpus() throws Exception {
    Path events = folder.resolve("events");
    try (StandaloneCluster cluster =
        StandaloneCluster.start(
            SparkInstallation.make(
                folder.resolve("spark"),
                Path.of(System.getProperty("turboesm.sparkClasspath")).normalize()),
            folder.resolve("cluster"),
            1,
            TwoGpuWorker.options(folder, "1g"))) {
      int code =
          cluster.submit(
              "driver",
              options(events),
              Path.of(System.getProperty("turboesm.jar")).normalize(),
              List.of(
                  "run",
                  "--input",
                  proteins(),
                  "--output",
                  folder.resolve("out").toString(),
                  "--model",
                  Path.of("src/test/resources/golden/esm_hd64").toAbsolutePath().toString(),
                  "--modes",
                  "encode,turbo",
                  "--calibration-proteins",
                  "6",
                  "--fidelity-sample",
                  "4",
                  "--pooling",
                  "mean,cls,residue",
                  "--layers",
                  "0,-1",
                  "--tasks-per-gpu",
                  "1"),
              Duration.ofMinutes(4));
      String log = Files.readString(cluster.log("driver"));
      assertThat(code).as(log).isZero();
      assertThat(log).contains("17 in, 16 embedded, 1 rejected");

      Set<Integer> stages = new TreeSet<>();
      Set<String> gpus = new TreeSet<>();
      for (MatchResult task : GPU_OF_TASK.matcher(cluster.executorLogs(0)).results().toList()) {
        stages.add(Integer.valueOf(task.group(1)));
        gpus.add(task.group(2));
      }
      Map<Integer, Integer> profiles = profiles(events);
      Map<Boolean, Set<Integer>> byProfile =
          profiles.entrySet().stream()
              .collect(
                  Collectors.partitioningBy(
                      stage -> stage.getValue() != 0,
                      Collectors.mapping(
                          Map.Entry::getKey, Collectors.toCollection(TreeSet::new))));
      assertThat(gpus).containsExactly("0", "1");
      // Both passes of calibration, its eigenproblems, fidelity, and the embeddings.
      assertThat(stages).hasSize(5).isEqualTo(byProfile.get(true));
      assertThat(new TreeSet<>(profiles.values())).as("one profile beside Spark's own").hasSize(2);
      // Reading, counting and checking.
      assertThat(byProfile.get(false)).hasSizeGreaterThan(5);
    }
  }
}
