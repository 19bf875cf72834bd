package org.turboesm.job.paper;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import org.turboesm.job.paper.PaperTable.Measured;

/** The paper's figures and ours, side by side, as Markdown. */
public final class PaperReport {
  private final PaperFigures paper;
  private final List<Measured> measured;
  private final String model;

  /**
   * @param model that was measured
   */
  public PaperReport(PaperFigures paper, List<Measured> measured, String model) {
    this.paper = paper;
    this.measured = List.copyOf(measured);
    this.model = model;
  }

  /** The tables. */
  public String markdown() {
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "Cosine of the decoded tokens' last hidden states, over the packed cache against full"
                + " precision.%nPaper: %s (%s), as %s reports it on %s.%nMeasured here: model"
                + " %s%s.%n%n",
            paper.source().paper(),
            paper.source().paperDate(),
            paper.source().repository(),
            paper.model(),
            model,
            model.contains("650M")
                ? ""
                : "; it is not the paper's, "
                    + paper.model()
                    + ", so the columns to the right are of another model"));
    table(text, Measured::cosines, true);
    text.append(
        "\nThe same tokens' attention outputs in layer 0, on true inputs: the paper's way of"
            + " measuring.\n\n");
    table(text, Measured::layer0Cosines, false);
    return text.toString();
  }

  private void table(
      StringBuilder text, Function<Measured, Map<String, Double>> figure, boolean withPaper) {
    List<String> head = new ArrayList<>(List.of("protein", "tokens"));
    if (withPaper) {
      head.add("paper, as reported");
    }
    for (Measured column : measured) {
      head.add(
          String.format(
              Locale.ROOT,
              "%s, %s, %.4g bytes",
              column.name(),
              column.inSample() ? "in sample" : "held out",
              column.bytesPerTokenHead()));
    }
    row(text, head);
    row(text, head.stream().map(cell -> cell.equals("protein") ? "---" : "---:").toList());
    for (PaperFigures.Protein protein : paper.proteins()) {
      List<String> cells = new ArrayList<>(List.of(protein.kind(), "" + protein.tokens()));
      if (withPaper) {
        cells.add(number(protein.decodeCosine()));
      }
      measured.forEach(column -> cells.add(number(figure.apply(column).get(protein.id()))));
      row(text, cells);
    }
    List<String> means = new ArrayList<>(List.of("mean", ""));
    if (withPaper) {
      means.add(
          number(mean(paper.proteins().stream().map(PaperFigures.Protein::decodeCosine).toList())));
    }
    measured.forEach(column -> means.add(number(mean(List.copyOf(figure.apply(column).values())))));
    row(text, means);
  }

  private static void row(StringBuilder text, List<String> cells) {
    text.append("| ").append(String.join(" | ", cells)).append(" |\n");
  }

  private static double mean(List<Double> values) {
    return values.stream()
        .mapToDouble(Double::doubleValue)
        .filter(value -> !Double.isNaN(value))
        .average()
        .orElse(Double.NaN);
  }

  /** A dash where there is none, as of a protein that was prefilled as a whole. */
  private static String number(double value) {
    return Double.isNaN(value) ? "-" : String.format(Locale.ROOT, "%.4f", value);
  }
}
