package org.turboesm.job;

import static org.assertj.core.api.Assertions.assertThat;

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

/** The job on the demo model, a few short proteins: engine cuda against engine cpu. */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CudaDemoJobTest {
  private static final long SEED = 29;
  private static final int[] LENGTHS = {20, 33, 40, 52};

  @TempDir static Path folder;
  private String input;

  @BeforeAll
  void runBoth() throws IOException {
    RandomProteins random = new RandomProteins(SEED);
    StringBuilder fasta = new StringBuilder();
    for (int i = 0; i < LENGTHS.length; i++) {
      fasta.append(">p" + i + "\n" + random.sequence(LENGTHS[i]) + "\n");
    }
    input = InputWriter.write(folder, "proteins.fasta", fasta.toString());
    run("cpu", "cpu", "f32", "--calibration-proteins", 4);
    Path calibration = folder.resolve("cpu").resolve("calibration");
    run("f32", "cuda", "f32", "--calibration", calibration);
    run("bf16", "cuda", "bf16", "--calibration", calibration);
  }

  private void run(String name, String engine, String precision, Object... options) {
    InProcess run =
        InProcess.run(
            List.of(
                "run",
                "--input",
                input,
                "--output",
                folder.resolve(name),
                "--model",
                "demo",
                "--engine",
                engine,
                "--precision",
                precision,
                "--fidelity-sample",
                0),
            options);
    assertThat(run.code()).as(run.err()).isZero();
  }

  /**
   * float: as {@link CudaJobTest}, in six layers instead of two. bfloat16: 2^-8 at most a rounding,
   * of sixty, added up like a random walk's: 2^-8 * sqrt(60) = 3e-2. Codes differ where values lie
   * within that of a threshold; what they cost is no more than the codec's own error, 1e-2.
   */
  @ParameterizedTest
  @CsvSource({
    "f32, encode, 1e-5",
    "f32, turbo, 1e-2",
    "f32, decode, 1e-2",
    "bf16, encode, 3e-2",
    "bf16, turbo, 4e-2",
    "bf16, decode, 4e-2"
  })
  void embeddingsAreThoseOfTheCpu(String run, String mode, double limit) throws Exception {
    Map<String, float[]> expected = EmbeddingFiles.embeddings(folder.resolve("cpu"), mode);
    Map<String, float[]> found = EmbeddingFiles.embeddings(folder.resolve(run), mode);

    assertThat(found).hasSize(LENGTHS.length).containsOnlyKeys(expected.keySet());
    expected.forEach(
        (id, embedding) ->
            assertThat(EmbeddingFiles.relativeError(found.get(id), embedding))
                .as("seed %d, protein %s", SEED, id)
                .isLessThan(limit));
  }
}
