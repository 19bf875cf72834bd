package org.turboesm.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;
import static org.junit.jupiter.api.Assumptions.abort;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.EsmWeights;

/** The parts of bin/bench that need Python's standard library alone. */
class BenchmarkDriverTest {
  private static final Path SCRIPTS = Path.of("bench").toAbsolutePath();

  @TempDir private Path temporary;

  @Test
  void writtenModelIsAnEsmFolderOfItsSize() throws Exception {
    Path folder = temporary.resolve("8M");
    python(
        "import models, pathlib; models.ensure(models.SIZES['8M'], pathlib.Path('"
            + folder
            + "'))");
    try (EsmWeights weights = EsmWeights.open(folder)) {
      EsmConfig config = weights.config();
      assertThat(List.of(config.layers(), config.hiddenSize(), config.heads()))
          .containsExactly(6, 320, 20);
      assertThat(weights.lmHead()).isPresent();
      float[] frequencies = weights.inverseFrequency();
      assertThat(frequencies).hasSize(8);
      for (int i = 0; i < frequencies.length; i++) {
        double exact = Math.pow(10_000, -i / 8.0);
        // Exponent, power and reciprocal are rounded to float, each at most 2^-24: the exponent's
        // error grows by ln 10000.
        assertThat((double) frequencies[i]).isCloseTo(exact, withinPercentage(100 * 12 * 0x1p-24));
      }
      float[] queries = weights.query(0).weight();
      // The mean square of 102,400 normal values of variance 1 / 320 is that within 5 deviations of
      // sqrt(2 / 102,400).
      assertThat(meanSquare(queries) * 320).isBetween(0.978, 1.022);
    }
  }

  @Test
  void interruptedModelIsWrittenAnew() throws Exception {
    String write = "models.ensure(models.SIZES['8M'], folder, print); ";
    String said =
        python(
            "import models, pathlib; folder = pathlib.Path('"
                + temporary.resolve("8M")
                + "'); "
                + write
                + write
                + "(folder / 'written.json').unlink(); "
                + write);
    assertThat(said.lines()).as("first and third time of three").hasSize(2);
  }

  @Test
  void rowsHaveExactlyTheColumnsAndTheirValues() throws Exception {
    String said =
        python(
            "import json; from report import Measurement, Report; report = Report('hf f32');"
                + " report.measurements.append("
                + "Measurement('turboesm', 'f32', '8M', 'proteome', 300, 6e9, [3.0, 1.0, 2.0], 7));"
                + " report.measurements.append("
                + "Measurement('hf', 'f32', '8M', 'proteome', 300, 6e9, [3.0, 4.0, 2.0], 8));"
                + " report.markdown('x'); print(json.dumps(report.rows()));"
                + " print(report.ratio(report.measurements[0]))");
    List<String> lines = said.lines().toList();
    JsonNode row = new ObjectMapper().readTree(lines.get(0)).get(0);
    assertThat(fields(row))
        .containsExactly(
            "engine",
            "precision",
            "model",
            "workload",
            "tokens",
            "seconds",
            "tokens_per_second",
            "gflops",
            "peak_memory");
    assertThat(row.get("seconds").asDouble()).as("the median").isEqualTo(2);
    assertThat(row.get("tokens_per_second").asDouble()).isEqualTo(150);
    assertThat(row.get("gflops").asDouble()).isEqualTo(3);
    assertThat(lines.get(1)).as("the median of 1, 4 and 1, not 3 / 2").isEqualTo("1.0");
  }

  private static double meanSquare(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += (double) value * value;
    }
    return sum / values.length;
  }

  private static List<String> fields(JsonNode row) {
    List<String> names = new ArrayList<>();
    row.fieldNames().forEachRemaining(names::add);
    return names;
  }

  /** Runs Python among the scripts; what it prints. Skipped where there is no Python 3. */
  private static String python(String program) throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder("python3", "-B", "-c", program).directory(SCRIPTS.toFile());
    Map<String, String> environment = builder.environment();
    environment.remove("PYTHONPATH");
    Process process = null;
    try {
      process = builder.redirectErrorStream(true).start();
    } catch (IOException e) {
      abort("no python3 on the PATH: " + e.getMessage());
    }
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(2, TimeUnit.MINUTES)).as("Python ended").isTrue();
    assertThat(process.exitValue()).as(said).isZero();
    return said;
  }
}
