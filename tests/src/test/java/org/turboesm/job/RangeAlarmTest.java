package org.turboesm.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** A calibration on random residues, used on these and on sequences of low complexity. */
@Tag("job")
@ExtendWith(LocalSpark.class)
class RangeAlarmTest {
  private static final long SEED = 29;
  private static final List<String> MODES = List.of("turbo", "decode");

  @TempDir static Path folder;

  private static final List<String> LIKE = new ArrayList<>();
  private static final List<String> FAR = new ArrayList<>();
  private static InProcess ordinary;
  private static InProcess farOff;

  @BeforeAll
  static void runBoth() throws IOException {
    RandomProteins random = new RandomProteins(SEED);
    for (int i = 0; i < 60; i++) {
      LIKE.add(random.sequence(60 + 3 * i));
    }
    for (int i = 0; i < 8; i++) {
      FAR.add("A".repeat(60 + 9 * i));
      FAR.add("GA".repeat(30 + 5 * i));
    }
    ordinary = run("ordinary", LIKE, "--calibration-proteins", 40);
    farOff = run("far", FAR, "--calibration", folder.resolve("ordinary/calibration"));
  }

  private static InProcess run(String name, List<String> sequences, Object... more)
      throws IOException {
    StringBuilder fasta = new StringBuilder();
    for (int i = 0; i < sequences.size(); i++) {
      fasta.append(">p" + i + "\n" + sequences.get(i) + "\n");
    }
    List<Object> args =
        new ArrayList<>(
            List.of(
                "run",
                "--input",
                InputWriter.write(folder, name + ".fasta", fasta.toString()),
                "--output",
                folder.resolve(name),
                "--model",
                "demo",
                "--modes",
                String.join(",", MODES),
                "--prefill",
                "0.9",
                "--fidelity-sample",
                "0"));
    InProcess run = InProcess.run(args, more);
    assertThat(run.code()).as("seed " + SEED + ": " + run.err()).isZero();
    return run;
  }

  private static JsonNode manifest(String name) throws IOException {
    return new ObjectMapper().readTree(folder.resolve(name + "/manifest.json").toFile());
  }

  @Test
  void likeProteinsGiveNone() throws IOException {
    for (String mode : MODES) {
      JsonNode range = manifest("ordinary").path("range").path(mode);
      assertThat(range.path("alarm").isBoolean()).isTrue();
      assertThat(range.path("alarm").asBoolean()).as("seed " + SEED + ": " + range).isFalse();
      assertThat(range.path("outside").asLong()).isPositive();
    }
    assertThat(ordinary.out()).doesNotContain("WARNING");
  }

  @Test
  void proteinsFarOffGiveOneInTheManifestAndInTheReport() throws IOException {
    for (String mode : MODES) {
      JsonNode range = manifest("far").path("range").path(mode);
      assertThat(range.path("alarm").asBoolean()).as("seed " + SEED + ": " + range).isTrue();
      assertThat(farOff.out().lines().filter(line -> line.startsWith("WARNING, " + mode)))
          .singleElement()
          .asString()
          .contains(String.format("%.2g of keys and values", range.path("share").asDouble()))
          .contains(String.format("where %.2g is", range.path("expected_share").asDouble()))
          .contains(
              String.format(
                  "layer %d head %d",
                  range.path("worst").path("layer").asInt(),
                  range.path("worst").path("head").asInt()))
          .contains("calibrate on proteins like these")
          .contains("fidelity");
    }
  }

  @Test
  void figuresAreThoseOfTheTokens() throws IOException {
    assertFigures("ordinary", LIKE);
    assertFigures("far", FAR);
    assertThat(manifest("far").path("calibration").path("hash"))
        .isEqualTo(manifest("ordinary").path("calibration").path("hash"));
  }

  private static void assertFigures(String name, List<String> sequences) throws IOException {
    JsonNode manifest = manifest(name);
    // Of the demo model: keys of 6 layers and values of 5, of 256 channels.
    long lookedAt =
        sequences.stream().mapToLong(s -> (s.length() + 2 + 7) / 8).sum() * (6 + 5) * 256;
    for (String mode : MODES) {
      JsonNode range = manifest.path("range").path(mode);
      assertThat(range.path("looked_at").asLong()).isEqualTo(lookedAt);
      double share = range.path("share").asDouble();
      // One division in double.
      assertThat(share)
          .isCloseTo((double) range.path("outside").asLong() / lookedAt, within(1e-15));
      assertThat(range.path("expected_share").asDouble())
          .isCloseTo(
              2.0 / (manifest.path("calibration").path("tokens").asLong() + 1), within(1e-15));
      JsonNode worst = range.path("worst");
      assertThat(worst.path("layer").asInt(-1)).isBetween(0, 5);
      assertThat(worst.path("head").asInt(-1)).isBetween(0, 3);
      assertThat(worst.path("share").asDouble()).isGreaterThan(share);
    }
  }
}
