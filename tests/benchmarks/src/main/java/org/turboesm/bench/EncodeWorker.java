package org.turboesm.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngines;
import org.turboesm.esm2.EsmWeights;

/**
 * This engine as a worker of bin/bench: {@code EncodeWorker MODEL PRECISION THREADS}. It speaks the
 * protocol of {@code tests/bench/worker_protocol.py}.
 */
final class EncodeWorker {
  private static final long WARM_UP_NANOSECONDS = 5_000_000_000L;

  private final ObjectMapper json = new ObjectMapper();
  private final Map<String, EncodeWorkload> workloads = new HashMap<>();
  private final EsmEngine engine;
  private final int threads;
  private final ExecutorService tasks;
  private final PrintStream answers;

  private EncodeWorker(EsmEngine engine, int threads, ExecutorService tasks, PrintStream answers) {
    this.engine = engine;
    this.threads = threads;
    this.tasks = tasks;
    this.answers = answers;
  }

  public static void main(String[] arguments) throws Exception {
    PrintStream answers = System.out;
    System.setOut(System.err);
    int threads = Integer.parseInt(arguments[2]);
    ExecutorService tasks = Executors.newFixedThreadPool(threads);
    try (EsmWeights weights = EsmWeights.open(Path.of(arguments[0]));
        EsmEngine engine = EsmEngines.open("cpu", arguments[1], weights)) {
      new EncodeWorker(engine, threads, tasks, answers).serve();
    } finally {
      tasks.shutdown();
    }
  }

  private void serve() throws Exception {
    answer(
        Map.of(
            "ready",
            true,
            "version",
            engine.capabilities().description() + ", Java " + Runtime.version().feature()));
    BufferedReader requests =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = requests.readLine(); line != null; line = requests.readLine()) {
      JsonNode request = json.readTree(line);
      String command = request.path("command").asText();
      String workload = request.path("workload").asText();
      switch (command) {
        case "load" -> load(workload, request);
        case "run" -> run(workloads.get(workload));
        case "quit" -> {
          return;
        }
        default -> throw new IllegalArgumentException("unknown command \"" + command + "\"");
      }
    }
  }

  private void load(String name, JsonNode request) throws Exception {
    EncodeWorkload workload =
        EncodeWorkload.read(Path.of(request.path("fasta").asText()), engine, tasks, threads);
    workloads.put(name, workload);
    float[][] embeddings = workload.run();
    warmUp(workload);
    EncodeWorkload.write(embeddings, Path.of(request.path("embeddings").asText()));
    answer(Map.of("checksum", EncodeWorkload.checksum(embeddings)));
  }

  /** An executor's JVM lives for hours; here it must not be timed while it still compiles. */
  private static void warmUp(EncodeWorkload workload) throws Exception {
    long start = System.nanoTime();
    while (System.nanoTime() - start < WARM_UP_NANOSECONDS) {
      workload.run();
    }
  }

  private void run(EncodeWorkload workload) throws Exception {
    long start = System.nanoTime();
    float[][] embeddings = workload.run();
    double seconds = (System.nanoTime() - start) / 1e9;
    answer(Map.of("seconds", seconds, "checksum", EncodeWorkload.checksum(embeddings)));
  }

  private void answer(Map<String, Object> values) throws Exception {
    answers.println(json.writeValueAsString(values));
    answers.flush();
  }
}
