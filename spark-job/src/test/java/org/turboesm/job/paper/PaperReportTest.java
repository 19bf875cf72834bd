package org.turboesm.job.paper;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.ModelLocator;
import org.turboesm.job.paper.PaperTable.Measured;
import org.turboesm.udf.ModelIdentity;

class PaperReportTest {
  private static final PaperFigures FIGURES = PaperFigures.read();

  /** Those of the i-th protein are base + i / 100. */
  private static Map<String, Double> figures(double base) {
    Map<String, Double> figures = new LinkedHashMap<>();
    for (PaperFigures.Protein protein : FIGURES.proteins()) {
      figures.put(protein.id(), base + figures.size() / 100.0);
    }
    return figures;
  }

  /** The demo's sizes, or the paper's model's. */
  private static ModelIdentity model(String name) {
    EsmConfig demo = ModelIdentity.read(ModelLocator.DEMO).config();
    return new ModelIdentity(
        name,
        name.equals("demo")
            ? demo
            : new EsmConfig(
                33,
                1280,
                20,
                5120,
                demo.vocabularySize(),
                demo.layerNormEps(),
                demo.ropeTheta(),
                demo.tokenDropout(),
                demo.tiedWordEmbeddings()),
        "hash");
  }

  private static List<String> report(String model) {
    List<Measured> measured =
        List.of(
            new Measured("paper-sign K3 V3", true, 56, figures(0.9), figures(0.8)),
            new Measured("default K2 V2", false, 32, figures(0.7), figures(0.6)));
    return new PaperReport(FIGURES, new PaperTable.Result(model(model), measured))
        .markdown()
        .lines()
        .toList();
  }

  @Test
  void hiddenStatesStandBesideThePapersAndAttentionOutputsAlone() {
    List<String> rows = report("demo").stream().filter(line -> line.startsWith("|")).toList();
    int rowsOfATable = 2 + FIGURES.proteins().size() + 1;
    assertThat(rows).hasSize(2 * rowsOfATable);
    assertThat(rows.get(0))
        .isEqualTo(
            "| protein | tokens | paper, as reported | paper-sign K3 V3, in sample, 56.00 bytes |"
                + " default K2 V2, held out, 32.00 bytes |");
    assertThat(rows.get(1)).isEqualTo("| --- | ---: | ---: | ---: | ---: |");
    assertThat(rows.get(3))
        .isEqualTo("| " + FIGURES.proteins().get(1).kind() + " | 143 | 0.9639 | 0.9100 | 0.7100 |");
    assertThat(rows.get(rowsOfATable + 2))
        .isEqualTo("| " + FIGURES.proteins().get(0).kind() + " | 32 | 0.8000 | 0.6000 |");
  }

  @Test
  void tablesEndInMeans() {
    List<String> means = report("demo").stream().filter(line -> line.startsWith("| mean")).toList();
    // Those of six proteins, i from 0 to 5: base + 0.025, and of the paper 5.8085 / 6.
    assertThat(means)
        .containsExactly("| mean |  | 0.9681 | 0.9250 | 0.7250 |", "| mean |  | 0.8250 | 0.6250 |");
  }

  @Test
  void anotherModelThanThePapersIsSaidToBeOne() {
    assertThat(report("demo"))
        .contains(
            "Measured here: model demo; it is not the paper's, ESM-2 650M, so the columns to the"
                + " right are of another model.");
    assertThat(report("a-copy-of-650M"))
        .contains("Measured here: model a-copy-of-650M.")
        .noneMatch(line -> line.contains("not the paper's"));
  }

  @Test
  void aProteinWithoutAFigureHasADashAndIsNotInTheMean() {
    Map<String, Double> one = figures(0.5);
    one.replaceAll((id, value) -> id.equals(FIGURES.proteins().get(0).id()) ? 0.5 : Double.NaN);
    List<String> lines =
        new PaperReport(
                FIGURES,
                new PaperTable.Result(
                    model("demo"), List.of(new Measured("x", false, 1, one, one))))
            .markdown()
            .lines()
            .toList();
    assertThat(lines)
        .contains("| " + FIGURES.proteins().get(1).kind() + " | 143 | 0.9639 | - |")
        .contains("| mean |  | 0.9681 | 0.5000 |");
  }

  @Test
  void thePapersMemoryStandsBesideOurs() {
    // 56 and 32 bytes x 660 heads x 1,024 tokens; only what is held out is compared.
    assertThat(report("demo"))
        .contains(
            "The cache of 1,024 tokens in ESM-2 650M: 330.0 MiB in fp32; 46.6 MiB as the paper"
                + " stores it, 7.1x less.",
            "default K2 V2 here: 20.6 MiB, 16.0x less.")
        .noneMatch(line -> line.startsWith("paper-sign K3 V3 here"));
  }
}
