package org.turboesm.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.turboesm.job.paper.PaperFigures;

@Tag("job")
class PaperTableTest {
  private static final String MODEL = InProcess.goldenModel("esm_hd16");

  @TempDir Path folder;

  private static InProcess paper(String calibrateOn) {
    return InProcess.run(
        "paper",
        "--model",
        MODEL,
        "--engine",
        "reference",
        "--calibrate-on",
        calibrateOn,
        "--calibration-proteins",
        "5");
  }

  @Test
  void thePapersCodecAndTheDefaultStandBesideThePaper() throws IOException {
    RandomProteins random = new RandomProteins(29);
    StringBuilder fasta = new StringBuilder();
    for (int i = 0; i < 8; i++) {
      fasta.append(">p" + i + "\n" + random.sequence(30) + "\n");
    }
    InProcess run = paper(InputWriter.write(folder, "in.fasta", fasta.toString()));
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(run.err())
        .contains("calibrate: 1 codecs on 6 proteins", "calibrate: 4 codecs on 5 proteins");

    List<List<String>> table = new ArrayList<>();
    run.out()
        .lines()
        .filter(line -> line.startsWith("| "))
        .forEach(line -> table.add(List.of(line.substring(2).split(" \\| | \\|"))));
    // Of 16 channels of keys and values; the sign of keys is a bit more.
    assertThat(table.get(0))
        .containsExactly(
            "protein",
            "tokens",
            "paper, as reported",
            "paper-sign K3 V3, in sample, 14.00 bytes",
            "paper-sign K3 V3, held out, 14.00 bytes",
            "default-without-tail K3.5 V3.5, held out, 14.00 bytes",
            "default-without-tail K2 V2, held out, 8.000 bytes",
            "default-without-tail K1 V1, held out, 4.000 bytes");
    List<PaperFigures.Protein> proteins = PaperFigures.read().proteins();
    // Two tables, each with a head, a rule, a row a protein and their means.
    assertThat(table).hasSize(2 * (2 + proteins.size() + 1));
    for (int p = 0; p < proteins.size(); p++) {
      List<String> row = table.get(2 + p);
      assertThat(row.subList(0, 2))
          .containsExactly(proteins.get(p).kind(), "" + proteins.get(p).tokens());
      assertThat(Double.parseDouble(row.get(2))).isEqualTo(proteins.get(p).decodeCosine());
      for (String cosine : row.subList(3, row.size())) {
        // Cosines to four places; a random model and one bit may be far off, yet not orthogonal.
        assertThat(Double.parseDouble(cosine)).as(row.toString()).isBetween(0.1, 1.0);
      }
    }
    List<String> means = table.get(2 + proteins.size());
    assertThat(Double.parseDouble(means.get(5))).isGreaterThan(Double.parseDouble(means.get(7)));
    assertThat(run.out()).contains("it is not the paper's, ESM-2 650M");
  }

  @Test
  void thePapersOwnProteinsAreNotCalibratedOnForTheHeldOutFigures() throws IOException {
    try (InputStream own = PaperFigures.class.getResourceAsStream(PaperFigures.PROTEINS_RESOURCE)) {
      InProcess run = paper(InputWriter.write(folder, "own.fasta", own.readAllBytes()));
      assertThat(run.err()).contains("no protein to calibrate on but the paper's own");
      assertThat(run.code()).isEqualTo(1);
    }
  }
}
