package org.turboesm.job;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Proteins that are prefilled as a whole have no decoded token to measure. */
@Tag("job")
class WholePrefillTest {
  @TempDir Path folder;

  private JsonNode fidelityOf(String prefill) throws IOException {
    RandomProteins random = new RandomProteins(5);
    StringBuilder fasta = new StringBuilder();
    for (int i = 0; i < 12; i++) {
      fasta.append(">p" + i + "\n" + random.sequence(10 + 5 * i) + "\n");
    }
    String input = InputWriter.write(folder, prefill + ".fasta", fasta.toString());
    Path output = folder.resolve(prefill);
    InProcess run =
        InProcess.run(
            "run",
            "--input",
            input,
            "--output",
            output,
            "--model",
            InProcess.goldenModel("esm_hd16"),
            "--modes",
            "turbo,decode",
            "--prefill",
            prefill,
            "--fidelity-sample",
            "all");
    assertThat(run.code()).as(run.err()).isZero();
    return new ObjectMapper()
        .readTree(output.resolve("manifest.json").toFile())
        .path("fidelity")
        .path("decode");
  }

  @Test
  void theyAreLeftOutOfMeans() throws IOException {
    JsonNode decode = fidelityOf("20");
    assertThat(decode.path("attention_cosine").isNumber()).isTrue();
    assertThat(decode.path("attention_cosine").asDouble()).isBetween(0.5, 1.0);
    assertThat(decode.path("top1_agreement").isNumber()).isTrue();
  }

  @Test
  void withoutAnyOtherThereAreNoFigures() throws IOException {
    JsonNode decode = fidelityOf("1.0");
    assertThat(decode.path("proteins").asInt()).isEqualTo(6);
    assertThat(decode.has("attention_cosine")).isFalse();
    assertThat(decode.path("embedding_cosine").asDouble()).isEqualTo(1.0);
  }
}
