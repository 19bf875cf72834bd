package org.turboesm.job;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The whole job on engine cuda, two tasks at once on one device, against the same job on engine cpu
 * in f32.
 */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CudaJobTest {
  private static final long SEED = 17;
  private static final int[] LENGTHS = {1, 2, 31, 32, 33, 100, 45, 60};
  private static final List<String> MODES = List.of("encode", "turbo", "decode");

  @TempDir Path folder;
  private String input;

  @BeforeAll
  void runAll() throws IOException {
    RandomProteins random = new RandomProteins(SEED);
    StringBuilder fasta = new StringBuilder(">bad\nAC7\n>none\n");
    for (int i = 0; i < LENGTHS.length; i++) {
      fasta.append(">p" + i + "\n" + random.sequence(LENGTHS[i]) + "\n");
    }
    input = InputWriter.write(folder, "proteins.fasta", fasta + ">p3\nACD\n");
    run("cpu", "f32");
    run("cuda", "f32");
    run("cuda", "bf16");
  }

  private void run(String engine, String precision) {
    InProcess run =
        InProcess.run(
            "run",
            "--input",
            input,
            "--output",
            output(engine, precision),
            "--model",
            InProcess.goldenModel("esm_hd32"),
            "--engine",
            engine,
            "--precision",
            precision,
            "--calibration-proteins",
            4,
            "--fidelity-sample",
            2);
    assertThat(run.code()).as(run.err()).isZero();
  }

  private Path output(String engine, String precision) {
    return folder.resolve(engine + "-" + precision);
  }

  private double worst(String precision, String mode) throws Exception {
    Map<String, float[]> expected = EmbeddingFiles.embeddings(output("cpu", "f32"), mode);
    Map<String, float[]> found = EmbeddingFiles.embeddings(output("cuda", precision), mode);
    assertThat(found).hasSize(LENGTHS.length).containsOnlyKeys(expected.keySet());
    return expected.keySet().stream()
        .mapToDouble(id -> EmbeddingFiles.relativeError(found.get(id), expected.get(id)))
        .max()
        .orElseThrow();
  }

  @ParameterizedTest
  @CsvSource({
    "f32, encode, 1e-5",
    "f32, turbo, 1e-2",
    "f32, decode, 1e-2",
    "bf16, encode, 2e-2",
    "bf16, turbo, 4e-2",
    "bf16, decode, 4e-2"
  })
  void embeddingsAreThoseOfTheCpu(String precision, String mode, double limit) throws Exception {
    double worst = worst(precision, mode);
    System.out.println("MEASURED " + precision + " " + mode + " " + worst);
    assertThat(worst).as("seed %d", SEED).isLessThan(limit);
  }

  @ParameterizedTest
  @ValueSource(strings = {"f32", "bf16"})
  void manifestsAndRejectsAreThoseOfTheCpu(String precision) throws Exception {
    JsonNode expected = EmbeddingFiles.manifest(output("cpu", "f32"));
    JsonNode found = EmbeddingFiles.manifest(output("cuda", precision));
    for (String part : List.of("counts", "input", "cache", "model")) {
      assertThat(found.path(part)).as(part).isEqualTo(expected.path(part));
    }
    for (String mode : MODES) {
      for (String count : List.of("proteins", "tokens")) {
        assertThat(found.path("throughput").path(mode).path(count))
            .isEqualTo(expected.path("throughput").path(mode).path(count));
      }
    }
    System.out.println("MEASURED " + found.path("calibration") + " " + expected.path("calibration"));
    System.out.println("MEASURED " + found.path("fidelity") + " " + expected.path("fidelity"));
    assertThat(EmbeddingFiles.rejects(output("cuda", precision)))
        .isEqualTo(EmbeddingFiles.rejects(output("cpu", "f32")))
        .contains("bad ILLEGAL_CHARACTER");
  }
}
