package org.turboesm.job;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
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

  @TempDir static Path folder;
  private String input;

  @BeforeAll
  void runAll() throws IOException {
    RandomProteins random = new RandomProteins(SEED);
    StringBuilder fasta = new StringBuilder(">bad\nAC7\n>none\n");
    for (int i = 0; i < LENGTHS.length; i++) {
      fasta.append(">p" + i + "\n" + random.sequence(LENGTHS[i]) + "\n");
    }
    input = InputWriter.write(folder, "proteins.fasta", fasta + ">p3\nACD\n");
    run("cpu", "--engine", "cpu", "--precision", "f32");
    run("f32", "--engine", "cuda", "--precision", "f32");
    run("bf16", "--engine", "cuda", "--precision", "bf16");
    run(
        "f32 calibrated by cpu",
        "--engine",
        "cuda",
        "--precision",
        "f32",
        "--calibration",
        output("cpu").resolve("calibration"));
  }

  private void run(String name, Object... options) {
    InProcess run =
        InProcess.run(
            List.of(
                "run",
                "--input",
                input,
                "--output",
                output(name),
                "--model",
                InProcess.goldenModel("esm_hd32"),
                "--calibration-proteins",
                4,
                "--fidelity-sample",
                2),
            options);
    assertThat(run.code()).as(run.err()).isZero();
  }

  private static Path output(String run) {
    return folder.resolve(run.replace(' ', '-'));
  }

  /** The largest relative error of all proteins of a mode, to the cpu. */
  private static double worst(String run, String mode) throws Exception {
    Map<String, float[]> expected = EmbeddingFiles.embeddings(output("cpu"), mode);
    Map<String, float[]> found = EmbeddingFiles.embeddings(output(run), mode);
    assertThat(found).hasSize(LENGTHS.length).containsOnlyKeys(expected.keySet());
    return expected.keySet().stream()
        .mapToDouble(id -> EmbeddingFiles.relativeError(found.get(id), expected.get(id)))
        .max()
        .orElseThrow();
  }

  /**
   * float: sums of up to 256 products in another order, ten a layer, each off by some 2^-24 * 16 of
   * its size, in two layers: below 1e-5. bfloat16 rounds by 2^-9 at most, some ten times a layer,
   * errors that add up like a random walk's: 2^-9 * sqrt(20) = 9e-3; a mean over few residues
   * averages little of it. Over the same tables, a code differs where a value lies within float's
   * error of a threshold: one in about a million does, of some ninety thousand. It moves one
   * channel of 64, of one token, by a step of up to a third of its spread: in a protein of three
   * tokens 1/3 * 1/3 / sqrt(64) = 1.4e-2 of that layer's attention, which is a part of the sum.
   */
  @ParameterizedTest
  @CsvSource({
    "f32, encode, 1e-5",
    "bf16, encode, 2e-2",
    "f32 calibrated by cpu, encode, 1e-5",
    "f32 calibrated by cpu, turbo, 1e-2",
    "f32 calibrated by cpu, decode, 1e-2"
  })
  void embeddingsAreThoseOfTheCpu(String run, String mode, double limit) throws Exception {
    double worst = worst(run, mode);
    assertThat(worst).as("seed %d", SEED).isLessThan(limit);
  }

  private static double attentionError(String run, String mode) throws IOException {
    return EmbeddingFiles.manifest(output(run))
        .path("fidelity")
        .path(mode)
        .required("attention_nmse")
        .asDouble();
  }

  /**
   * Calibrated on the device, the artefact is another: its eigenvectors turn wherever two
   * eigenvalues lie close, bits may go to other channels, and so codes differ everywhere. It must
   * be as good: attention's error to full precision, which the same two proteins have measured, may
   * not be twice that of the cpu's.
   */
  @ParameterizedTest
  @CsvSource({"f32, turbo", "f32, decode", "bf16, turbo", "bf16, decode"})
  void calibrationOnTheDeviceIsAsGood(String run, String mode) throws Exception {
    assertThat(attentionError(run, mode))
        .as("seed %d", SEED)
        .isPositive()
        .isLessThan(2 * attentionError("cpu", mode));
    JsonNode calibration = EmbeddingFiles.manifest(output(run)).path("calibration");
    JsonNode expected = EmbeddingFiles.manifest(output("cpu")).path("calibration");
    for (String part : List.of("codec", "proteins", "tokens")) {
      assertThat(calibration.path(part)).isEqualTo(expected.path(part));
    }
  }

  /** All but the packed bytes: in bf16, tails of decode's caches take half of those in f32. */
  @ParameterizedTest
  @ValueSource(strings = {"f32", "bf16", "f32 calibrated by cpu"})
  void manifestsAndRejectsAreThoseOfTheCpu(String run) throws Exception {
    JsonNode expected = EmbeddingFiles.manifest(output("cpu"));
    JsonNode found = EmbeddingFiles.manifest(output(run));
    for (String part : List.of("counts", "input", "model")) {
      assertThat(found.path(part)).as(part).isEqualTo(expected.path(part));
    }
    for (String mode : MODES) {
      for (String count : List.of("proteins", "tokens")) {
        assertThat(found.path("throughput").path(mode).path(count))
            .isEqualTo(expected.path("throughput").path(mode).path(count));
      }
    }
    for (String mode : List.of("turbo", "decode")) {
      for (String count : List.of("fp32", "fp16")) {
        assertThat(found.path("cache").path(mode).path(count))
            .isEqualTo(expected.path("cache").path(mode).path(count));
      }
      assertThat(found.path("fidelity").path(mode).path("proteins").asInt()).isEqualTo(2);
    }
    assertThat(EmbeddingFiles.rejects(output(run)))
        .isEqualTo(EmbeddingFiles.rejects(output("cpu")))
        .contains("bad ILLEGAL_CHARACTER", "p3 DUPLICATE_ID");
  }

  @Test
  void calibrationOfTheCpuIsTakenAsItIs() throws Exception {
    JsonNode expected = EmbeddingFiles.manifest(output("cpu"));
    JsonNode found = EmbeddingFiles.manifest(output("f32 calibrated by cpu"));
    assertThat(found.path("cache")).isEqualTo(expected.path("cache"));
    assertThat(found.path("calibration").path("hash"))
        .isEqualTo(expected.path("calibration").path("hash"));
  }
}
