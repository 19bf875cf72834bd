package org.turboesm.job.paper;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.job.paper.PaperTable.Measured;
import org.turboesm.udf.ModelIdentity;

/** The paper's figures and ours, side by side, as Markdown. */
public final class PaperReport {
  /** ESM-2 650M's. */
  private static final int LAYERS = 33;

  private static final int HEADS = 20;
  private static final int HEAD_DIM = 64;

  private final PaperFigures paper;
  private final List<Measured> measured;
  private final ModelIdentity model;

  /** What was measured, beside the paper's figures. */
  public PaperReport(PaperFigures paper, PaperTable.Result result) {
    this.paper = paper;
    this.measured = result.measured();
    this.model = result.model();
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
            model.name(),
            hasThePapersSizes()
                ? ""
                : "; it is not the paper's, "
                    + paper.model()
                    + ", so the columns to the right are of another model"));
    table(text, Measured::cosines, true);
    text.append(
        "\nThe same tokens' attention outputs in layer 0, on true inputs: the paper's way of"
            + " measuring.\n\n");
    table(text, Measured::layer0Cosines, false);
    memory(text);
    return text.toString();
  }

  private boolean hasThePapersSizes() {
    EsmConfig config = model.config();
    return config.layers() == LAYERS && config.heads() == HEADS && config.headDim() == HEAD_DIM;
  }

  /** The paper's headline: what the cache of its model takes. */
  private void memory(StringBuilder text) {
    if (model.config().headDim() != HEAD_DIM) {
      return;
    }
    PaperFigures.KvCache cache = paper.kvCache();
    text.append(
        String.format(
            Locale.ROOT,
            "%nThe cache of %,d tokens in %s: %.1f MiB in fp32; %.1f MiB as the paper stores it,"
                + " %.1fx less.%n",
            cache.tokens(),
            paper.model(),
            cache.fullPrecisionMib(),
            cache.packedMib(),
            cache.ratio()));
    measured.stream()
        .filter(column -> !column.inSample())
        .forEach(
            column -> {
              double mib = column.bytesPerTokenHead() * cache.tokens() * LAYERS * HEADS / (1 << 20);
              text.append(
                  String.format(
                      Locale.ROOT,
                      "%s here: %.1f MiB, %.1fx less.%n",
                      column.name(),
                      mib,
                      cache.fullPrecisionMib() / mib));
            });
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
