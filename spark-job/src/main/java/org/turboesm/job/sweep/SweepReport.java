package org.turboesm.job.sweep;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.turboesm.TurboEsmException;
import org.turboesm.job.commit.BuildVersion;
import org.turboesm.job.commit.OutputFolder;
import org.turboesm.udf.ModelIdentity;

/**
 * What a sweep shows of its rows: {@code fidelity.json} with all figures, {@code fidelity.md} with
 * the table, and plots as PNG.
 */
public final class SweepReport {
  private static final ObjectMapper MAPPER =
      new ObjectMapper()
          .setPropertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(SerializationFeature.INDENT_OUTPUT);

  private static final List<Column> COLUMNS =
      List.of(
          new Column("codec", FidelityRow::label),
          new Column("allotment", FidelityRow::allotment),
          new Column("calibrated on", row -> row.calibrationProteins() + " " + row.calibratedOn()),
          new Column(
              "mode", row -> row.mode() + (row.prefill() == null ? "" : " " + row.prefill())),
          new Column("bytes", row -> String.format(Locale.ROOT, "%.4g", row.bytesPerTokenHead())),
          new Column("x fp32", row -> times(row.compressionFp32())),
          new Column("x fp16", row -> times(row.compressionFp16())),
          new Column("NMSE", row -> number(row.nmseMean())),
          new Column("accumulated", row -> number(row.accumulatedNmseMean())),
          new Column("cosine", row -> number(row.cosineMean())),
          new Column("p1", row -> number(row.cosineP1())),
          new Column("min", row -> number(row.cosineMin())),
          new Column("hidden", row -> number(row.hiddenCosineMean())),
          new Column("embedding", row -> number(row.embeddingCosineMean())),
          new Column("worst", row -> number(row.embeddingCosineMin())),
          new Column("KL", row -> number(row.kl())),
          new Column("top-1", row -> number(row.top1())),
          new Column("pseudo-perplexity", row -> percent(row.pseudoPerplexityChange())));

  private final PrintWriter out;
  private final String json;
  private final Configuration hadoop;

  /** A column of the table. */
  private record Column(String name, Function<FidelityRow, String> cell) {}

  /**
   * @param out where the table is printed
   * @param json a file to write the rows to besides; null for none
   */
  public SweepReport(PrintWriter out, String json, Configuration hadoop) {
    this.out = out;
    this.json = json;
    this.hadoop = hadoop;
  }

  /**
   * Writes files and plots into the folder.
   *
   * @return a line for each plot that could not be drawn
   */
  List<String> write(List<FidelityRow> rows, ModelIdentity model, OutputFolder folder) {
    SweepPlots plots = SweepPlots.draw(rows, model);
    try {
      byte[] bytes = MAPPER.writeValueAsBytes(rows);
      writeFile(folder.resolve("fidelity.json"), bytes);
      writeFile(
          folder.resolve("fidelity.md"),
          markdown(rows, model, plots.leftOut()).getBytes(StandardCharsets.UTF_8));
      for (Map.Entry<String, byte[]> png : plots.pngs().entrySet()) {
        writeFile(folder.resolve(png.getKey()), png.getValue());
      }
      if (json != null) {
        writeFile(new Path(json), bytes);
      }
    } catch (IOException e) {
      throw new TurboEsmException(
          "the figures cannot be written: " + e.getMessage() + "; is the place writable?", e);
    }
    return plots.leftOut();
  }

  private void writeFile(Path path, byte[] bytes) throws IOException {
    try (OutputStream stream = path.getFileSystem(hadoop).create(path, true)) {
      stream.write(bytes);
    }
  }

  /** Prints the table. */
  public void print(List<FidelityRow> rows, String folder) {
    out.println();
    table(rows).lines().forEach(out::println);
    out.println();
    out.println(
        "means over "
            + rows.get(0).proteins()
            + " proteins that no calibration saw; bytes are those of a token in one layer and head,"
            + " NMSE that of the attention output on true inputs");
    out.println("figures, plots and every protein's row: " + folder);
    out.flush();
  }

  static String markdown(List<FidelityRow> rows, ModelIdentity model, List<String> leftOut) {
    StringBuilder text = new StringBuilder();
    text.append("# Fidelity of the packed KV cache\n\n");
    text.append(
        String.format(
            Locale.ROOT,
            "%s, TurboESM %s. Model %s (%d layers, hidden size %d, %d heads), weights %s. Means"
                + " over %,d proteins that no calibration saw. Bytes are those of a token in one"
                + " layer and head; NMSE is that of the attention output after W_o, on true inputs"
                + " and accumulated through all layers; pseudo-perplexity is its relative"
                + " change.%n%n",
            LocalDate.now(ZoneOffset.UTC),
            BuildVersion.current(),
            model.name(),
            model.config().layers(),
            model.config().hiddenSize(),
            model.config().heads(),
            model.hash().substring(0, 12),
            rows.get(0).proteins()));
    text.append(table(rows));
    leftOut.forEach(line -> text.append('\n').append(line).append('\n'));
    return text.toString();
  }

  /** A Markdown table with aligned columns; what all rows share stands in a line below. */
  static String table(List<FidelityRow> rows) {
    List<Column> columns =
        COLUMNS.stream()
            .filter(
                column ->
                    column.name().equals("codec")
                        || rows.size() == 1
                        || rows.stream().map(column.cell()).distinct().count() > 1)
            .toList();
    List<List<String>> cells = new ArrayList<>();
    cells.add(columns.stream().map(Column::name).toList());
    for (FidelityRow row : rows) {
      cells.add(columns.stream().map(column -> column.cell().apply(row)).toList());
    }
    int[] widths = new int[columns.size()];
    for (List<String> line : cells) {
      for (int c = 0; c < widths.length; c++) {
        widths[c] = Math.max(widths[c], line.get(c).length());
      }
    }
    StringBuilder text = new StringBuilder();
    for (int l = 0; l < cells.size(); l++) {
      for (int c = 0; c < widths.length; c++) {
        text.append("| ").append(padded(cells.get(l).get(c), widths[c], c)).append(' ');
      }
      text.append("|\n");
      if (l == 0) {
        for (int c = 0; c < widths.length; c++) {
          text.append('|').append("-".repeat(widths[c] + 1)).append(c == 0 ? '-' : ':');
        }
        text.append("|\n");
      }
    }
    String shared =
        COLUMNS.stream()
            .filter(column -> !columns.contains(column))
            .map(column -> column.name() + " " + column.cell().apply(rows.get(0)))
            .collect(Collectors.joining(", "));
    if (!shared.isEmpty()) {
      text.append("\nAll rows: ").append(shared).append(".\n");
    }
    return text.toString();
  }

  private static String padded(String cell, int width, int column) {
    String spaces = " ".repeat(width - cell.length());
    return column == 0 ? cell + spaces : spaces + cell;
  }

  /** A figure for a person; a dash where there is none. */
  static String number(Double value) {
    if (value == null) {
      return "-";
    }
    // Cosines next to one are told apart by five places, small errors by three digits.
    return Math.abs(value) < 0.1
        ? String.format(Locale.ROOT, "%.3g", value)
        : String.format(Locale.ROOT, "%.5f", value);
  }

  private static String times(double ratio) {
    return String.format(Locale.ROOT, "%.1f", ratio);
  }

  private static String percent(Double share) {
    if (share == null) {
      return "-";
    }
    // Rounded to a whole number first, which has no negative zero.
    return String.format(Locale.ROOT, "%+.2f%%", Math.round(10_000 * share) / 100.0);
  }
}
