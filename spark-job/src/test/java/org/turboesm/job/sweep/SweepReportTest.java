package org.turboesm.job.sweep;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.turboesm.job.commit.OutputFolder;

class SweepReportTest {
  private static final List<FidelityRow> TWO =
      List.of(new SweepRow().row(), new SweepRow().codec("paper", 2).nmse(0.25).row());

  @TempDir Path folder;

  @Test
  void columnsInWhichAllRowsAreAlikeAreLeftOut() {
    assertThat(cells(TWO, 0)).containsExactly("codec", "bytes", "x fp32", "x fp16", "NMSE");
    assertThat(cells(TWO, 2)).containsExactly("default K3 V3", "12.00", "10.7", "5.3", "0.0100");
    assertThat(cells(TWO, 3)).containsExactly("paper K2 V2", "8.000", "16.0", "8.0", "0.25000");
  }

  @Test
  void whatAllRowsShareStandsBelow() {
    assertThat(SweepReport.table(TWO).lines())
        .last()
        .asString()
        .startsWith("All rows: allotment head, calibrated on 64 other proteins, mode turbo,");
  }

  @Test
  void whatTellsConfigurationsApartIsShown() {
    List<FidelityRow> rows =
        List.of(
            new SweepRow().row(),
            new SweepRow().allotment("model").row(),
            new SweepRow().calibration(8, "other organisms").row(),
            new SweepRow().decode("0.5").row(),
            new SweepRow().decode("16").row());
    assertThat(cells(rows, 0)).containsExactly("codec", "allotment", "calibrated on", "mode");
    assertThat(cells(rows, 3))
        .containsExactly("default K3 V3", "model", "64 other proteins", "turbo");
    assertThat(cells(rows, 4))
        .containsExactly("default K3 V3", "head", "8 other organisms", "turbo");
    assertThat(cells(rows, 6))
        .containsExactly("default K3 V3", "head", "64 other proteins", "decode 16");
  }

  @Test
  void oneRowAloneShowsAllColumns() {
    List<FidelityRow> one = List.of(new SweepRow().row());
    assertThat(cells(one, 0))
        .containsExactly(
            "codec",
            "allotment",
            "calibrated on",
            "mode",
            "bytes",
            "x fp32",
            "x fp16",
            "NMSE",
            "accumulated",
            "cosine",
            "p1",
            "min",
            "hidden",
            "embedding",
            "worst",
            "KL",
            "top-1",
            "pseudo-perplexity");
    assertThat(cells(one, 2)).contains("0.99512", "0.00200", "+1.50%");
  }

  @Test
  void aFigureThatARowDoesNotHaveIsADash() {
    List<FidelityRow> one = List.of(new SweepRow().withoutLogits().nmse(null).row());
    List<String> names = cells(one, 0);
    List<String> cells = cells(one, 2);
    for (String column : List.of("NMSE", "KL", "pseudo-perplexity")) {
      assertThat(cells.get(names.indexOf(column))).as(column).isEqualTo("-");
    }
    assertThat(cells.get(names.indexOf("cosine"))).isEqualTo("0.99512");
  }

  @ParameterizedTest
  @CsvSource({"0.4791, +47.91%", "-0.2212, -22.12%", "-0.000001, +0.00%", "0, +0.00%"})
  void changesHaveASign(double change, String text) {
    List<FidelityRow> one = List.of(new SweepRow().perplexityChange(change).row());
    assertThat(cells(one, 2).get(17)).isEqualTo(text);
  }

  @Test
  void columnsAreAligned() {
    List<String> lines =
        SweepReport.table(TWO).lines().filter(line -> line.startsWith("|")).toList();
    assertThat(lines).hasSize(4);
    for (String line : lines) {
      assertThat(bars(line)).as(line).isEqualTo(bars(lines.get(0))).hasSize(6);
    }
    assertThat(lines.get(1)).matches("\\|-+(\\|-+:){4}\\|");
    assertThat(lines.get(2)).startsWith("| default K3 V3 | 12.00 |");
    assertThat(lines.get(3)).startsWith("| paper K2 V2   | 8.000 |").endsWith("| 0.25000 |");
  }

  @ParameterizedTest
  @CsvSource({
    "0.99987, 0.99987",
    "0.1, 0.10000",
    "-0.25, -0.25000",
    "0.09876, 0.0988",
    "-0.01234, -0.0123",
    "0.0000123456, 1.23e-05",
    "0, 0.00",
    ", -"
  })
  void smallErrorsHaveThreeDigitsAndOthersFivePlaces(Double value, String text) {
    assertThat(SweepReport.number(value)).isEqualTo(text);
  }

  @Test
  void jsonHasTheseFields() throws IOException {
    write(new SweepRow().decode("0.5").row());
    JsonNode rows = new ObjectMapper().readTree(folder.resolve("out/fidelity.json").toFile());
    assertThat(rows).hasSize(1);
    List<String> names = new ArrayList<>();
    rows.get(0).fieldNames().forEachRemaining(names::add);
    assertThat(names)
        .containsExactly(
            "codec",
            "bits_k",
            "bits_v",
            "sign",
            "allotment",
            "allotted_bits_k",
            "allotted_bits_v",
            "calibrated_on",
            "calibration_proteins",
            "mode",
            "prefill",
            "proteins",
            "bytes_per_token_head",
            "table_bytes",
            "compression_fp32",
            "compression_fp16",
            "compression_fp32_with_tables",
            "nmse_mean",
            "nmse_worst_layer",
            "cosine_mean",
            "cosine_p1",
            "cosine_min",
            "accumulated_nmse_mean",
            "accumulated_cosine_mean",
            "hidden_cosine_mean",
            "hidden_cosine_p1",
            "hidden_cosine_min",
            "hidden_nmse",
            "embedding_cosine_mean",
            "embedding_cosine_min",
            "kl",
            "top1",
            "pseudo_perplexity",
            "pseudo_perplexity_reference",
            "pseudo_perplexity_change",
            "nmse_by_layer",
            "nmse_by_head",
            "positions");
    assertThat(rows.get(0).path("bits_k").asDouble()).isEqualTo(3);
    assertThat(rows.get(0).path("cosine_p1").asDouble()).isEqualTo(0.97);
    assertThat(rows.get(0).path("hidden_cosine_p1").asDouble()).isEqualTo(0.96);
    assertThat(rows.get(0).path("top1").asDouble()).isEqualTo(0.987);
    assertThat(rows.get(0).path("nmse_by_head").path(1).path(0).asDouble()).isEqualTo(0.03);
    assertThat(rows.get(0).path("positions").path(1).path("from").asLong()).isEqualTo(2);
  }

  @Test
  void jsonLeavesOutWhatARowDoesNotHave() throws IOException {
    write(new SweepRow().nmse(null).row());
    JsonNode row = new ObjectMapper().readTree(folder.resolve("out/fidelity.json").toFile()).get(0);
    assertThat(row.has("prefill")).isFalse();
    assertThat(row.has("nmse_mean")).isFalse();
    assertThat(row.has("kl")).isTrue();
  }

  @Test
  void markdownNamesTheModelAndTheProteins() throws IOException {
    assertThat(write(TWO.toArray(FidelityRow[]::new))).isEmpty();
    assertThat(folder.resolve("out/fidelity.md"))
        .content()
        .contains(
            "Model some-model (2 layers, hidden size 32, 2 heads), weights 0123456789ab.",
            "32 proteins that no calibration saw",
            "| default K3 V3 |")
        .doesNotContain("left out");
    assertThat(folder.resolve("rows.json"))
        .hasSameBinaryContentAs(folder.resolve("out/fidelity.json"));
  }

  @Test
  void plotsThatCannotBeDrawnAreNamedAndTheRestIsWritten() throws IOException {
    List<String> leftOut =
        write(new SweepRow().nmse(0.0).row(), new SweepRow().codec("default", 2).nmse(null).row());
    assertThat(leftOut)
        .singleElement()
        .asString()
        .startsWith("rate-distortion.png is left out: plot \"What bytes buy\": nothing to draw");
    assertThat(folder.resolve("out/fidelity.md")).content().contains(leftOut.get(0));
    assertThat(folder.resolve("out/rate-distortion.png")).doesNotExist();
    assertThat(folder.resolve("out/heads-default-K3-V3.png")).isNotEmptyFile();
  }

  @Test
  void theConsoleSaysWhereEverythingIs() {
    StringWriter out = new StringWriter();
    new SweepReport(new PrintWriter(out), null, new Configuration()).print(TWO, "/the/folder");
    assertThat(out.toString()).contains("| paper K2 V2 ", "means over 32 proteins", "/the/folder");
  }

  /** Writes a report to folder/out, and its rows to folder/rows.json. */
  private List<String> write(FidelityRow... rows) throws IOException {
    Configuration hadoop = new Configuration();
    String json = folder.resolve("rows.json").toString();
    List<String> leftOut =
        new SweepReport(new PrintWriter(new StringWriter()), json, hadoop)
            .write(
                List.of(rows),
                SweepRow.MODEL,
                OutputFolder.of(folder.resolve("out").toString(), hadoop));
    assertThat(Files.size(folder.resolve("out/fidelity.json"))).isPositive();
    return leftOut;
  }

  private static List<String> cells(List<FidelityRow> rows, int line) {
    String text = SweepReport.table(rows).lines().toList().get(line);
    return List.of(text.substring(2, text.length() - 2).split(" +\\| +"));
  }

  private static List<Integer> bars(String line) {
    List<Integer> bars = new ArrayList<>();
    for (int i = 0; i < line.length(); i++) {
      if (line.charAt(i) == '|') {
        bars.add(i);
      }
    }
    return bars;
  }
}
