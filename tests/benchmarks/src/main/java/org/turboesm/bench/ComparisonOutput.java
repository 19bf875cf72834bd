package org.turboesm.bench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** What a comparison tells bin/bench: a JSON object a line on standard output. */
final class ComparisonOutput {
  private final ObjectMapper json = new ObjectMapper();
  private final PrintStream output = System.out;

  /** One timed sample of a variant. */
  void sample(
      String engine,
      String precision,
      String model,
      String workload,
      long tokens,
      double flops,
      double seconds) {
    print(
        Map.of(
            "engine", engine,
            "precision", precision,
            "model", model,
            "workload", workload,
            "tokens", tokens,
            "flops", flops,
            "seconds", seconds));
  }

  /** What one query of one head costs. */
  void decode(
      int kvLen, int cores, String cache, double nanosecondsPerQuery, double bytesPerToken) {
    print(
        Map.of(
            "decode",
            Map.of(
                "kv_len", kvLen,
                "cores", cores,
                "cache", cache,
                "nanoseconds", nanosecondsPerQuery,
                "bytes_per_token", bytesPerToken)));
  }

  /** This process's largest resident set so far. */
  void peakMemory() throws IOException {
    long kilobytes =
        Files.readAllLines(Path.of("/proc/self/status")).stream()
            .filter(line -> line.startsWith("VmHWM:"))
            .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
            .findFirst()
            .orElseThrow();
    print(Map.of("peak_memory", kilobytes * 1024));
  }

  private void print(Map<String, Object> values) {
    try {
      output.println(json.writeValueAsString(values));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("plain values have a JSON form", e);
    }
  }
}
