package org.turboesm.job.paper;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.turboesm.esm2.EsmTokenizer;

class PaperFiguresTest {
  private static final PaperFigures FIGURES = PaperFigures.read();

  @Test
  void cosinesAreThoseOfTheRepositorysTable() {
    assertThat(FIGURES.proteins())
        .extracting(PaperFigures.Protein::decodeCosine)
        .containsExactly(0.9603, 0.9639, 0.9710, 0.9735, 0.9641, 0.9757);
    assertThat(FIGURES.proteins())
        .extracting(PaperFigures.Protein::tokens)
        .containsExactly(32, 143, 39, 38, 51, 165);
  }

  @Test
  void theSourceIsNamed() {
    assertThat(FIGURES.source().paper()).contains("2603.26110");
    assertThat(FIGURES.source().paperDate()).isEqualTo("2026-03-27");
    assertThat(FIGURES.source().commit()).matches("[0-9a-f]{40}");
    assertThat(FIGURES.model()).isEqualTo("ESM-2 650M");
  }

  /** 33 layers, 20 heads, 64 channels, keys and values, four bytes: to the decimal given. */
  @Test
  void itsMegabytesAreMebibytes() {
    PaperFigures.KvCache cache = FIGURES.kvCache();
    double mib = 33.0 * 20 * 64 * 2 * 4 * cache.tokens() / (1 << 20);
    assertThat(cache.fullPrecisionMib()).isEqualTo(Math.round(mib * 10) / 10.0);
    assertThat(cache.ratio())
        .isEqualTo(Math.round(cache.fullPrecisionMib() / cache.packedMib() * 10) / 10.0);
  }

  @Test
  void everyProteinOfThePaperHasOneOfItsLengthInTheFile() {
    Map<String, String> proteins = proteins();

    assertThat(proteins.keySet())
        .containsExactlyElementsOf(
            FIGURES.proteins().stream().map(PaperFigures.Protein::id).toList());
    for (PaperFigures.Protein protein : FIGURES.proteins()) {
      assertThat(EsmTokenizer.tokenize(proteins.get(protein.id())))
          .as(protein.kind())
          .hasSize(protein.tokens());
    }
  }

  @Test
  void everyResidueIsOneOfTheTwenty() {
    assertThat(proteins().values())
        .allMatch(residues -> residues.matches("[ACDEFGHIKLMNPQRSTVWY]+"));
  }

  @Test
  void everyHeaderSaysWhereTheSequenceIsFrom() {
    assertThat(fasta().lines().filter(line -> line.startsWith(">")))
        .allMatch(
            header ->
                header.matches(
                        ">sp\\|[A-Z0-9-]+\\|[A-Z0-9]+_[A-Z]+ .+, residues \\d+-\\d+ OS=.+ OX=\\d+")
                    || header.startsWith(">synthetic|"));
  }

  @Test
  void theResiduesOfAHeaderAreAsManyAsItsRange() {
    proteins()
        .forEach(
            (id, residues) -> {
              String header =
                  fasta().lines().filter(l -> l.startsWith(">" + id + " ")).findFirst().get();
              if (header.contains("residues")) {
                String[] range = header.replaceAll(".*residues (\\d+-\\d+) .*", "$1").split("-");
                assertThat(residues)
                    .as(header)
                    .hasSize(Integer.parseInt(range[1]) - Integer.parseInt(range[0]) + 1);
              }
            });
  }

  @Test
  void theyAreOfTheirKinds() {
    List<String> residues = List.copyOf(proteins().values());
    assertThat(residues.get(0)).matches("[^C]*C[^C]*C[^C]*");
    assertThat(residues.get(1)).startsWith("VLSPADK").endsWith("SKYR");
    assertThat(residues.get(2)).containsPattern("[AFGILMSTVY]{20}");
    assertThat(residues.get(3)).isEqualTo("GAGAGS".repeat(6));
    assertThat(residues.get(4).substring(22, 28)).isEqualTo("GDSGGP");
    assertThat(share(residues.get(5), "AEDGKPQST")).isGreaterThan(0.7);
    assertThat(share(residues.get(5), "CFILMVWY")).isLessThan(0.15);
  }

  @Test
  void aFileThatLacksAFigureIsRefused() {
    String json = "{\"model\": \"ESM-2 650M\", \"device\": \"none\"}";
    assertThatThrownBy(
            () ->
                PaperFigures.read(new ByteArrayInputStream(json.getBytes(StandardCharsets.UTF_8))))
        .isInstanceOf(MismatchedInputException.class)
        .hasMessageContaining("source");
  }

  private static double share(String residues, String kinds) {
    return (double) residues.chars().filter(r -> kinds.indexOf(r) >= 0).count() / residues.length();
  }

  /** Residues by id, in the order of the file. */
  private static Map<String, String> proteins() {
    Map<String, String> proteins = new LinkedHashMap<>();
    for (String record : fasta().substring(1).split("\n>", -1)) {
      String[] lines = record.split("\n", 2);
      String id = lines[0].split(" ", 2)[0];
      assertThat(proteins.put(id, lines[1].replace("\n", "")))
          .as(id + " stands there once")
          .isNull();
    }
    return proteins;
  }

  private static String fasta() {
    try (InputStream file =
        PaperFiguresTest.class.getResourceAsStream(PaperFigures.PROTEINS_RESOURCE)) {
      return new String(file.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
