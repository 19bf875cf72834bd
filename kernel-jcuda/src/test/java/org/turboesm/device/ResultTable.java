package org.turboesm.device;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/** All rows of one run, and how people read them. */
final class ResultTable {
  private static final String HEAD =
      "| part | case | who | time, us | rate | of the device's | time over ours' first | |\n"
          + "|---|---|---|--:|--:|--:|--:|---|\n";

  private final List<ResultRow> rows;

  ResultTable(List<ResultRow> rows) {
    this.rows = List.copyOf(rows);
  }

  /** Reads the files of rows, one in JSON a line, in the order of their names. */
  static ResultTable read(Path folder) {
    ObjectMapper mapper = new ObjectMapper();
    List<ResultRow> rows = new ArrayList<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".jsonl")).sorted().toList()) {
        for (String line : Files.readAllLines(file)) {
          rows.add(mapper.readValue(line, ResultRow.class));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new ResultTable(rows);
  }

  boolean failed() {
    return rows.isEmpty() || rows.stream().anyMatch(ResultRow::failed);
  }

  /** Markdown; failures are named in their rows and counted at the end. */
  String markdown() {
    StringBuilder text = new StringBuilder(HEAD);
    for (ResultRow row : rows) {
      text.append("| ")
          .append(
              String.join(
                  " | ",
                  row.part(),
                  row.subject(),
                  row.who(),
                  row.microseconds() == null ? "" : number(row.microseconds()),
                  row.rate() == null ? "" : number(row.rate()) + " " + row.rateUnit(),
                  share(row),
                  timeOverOurs(row),
                  (row.failed() ? "FAILED " : "") + (row.note() == null ? "" : row.note())))
          .append(" |\n");
    }
    long failures = rows.stream().filter(ResultRow::failed).count();
    return text.append("\n")
        .append(rows.size())
        .append(" rows, ")
        .append(failures)
        .append(" failed\n")
        .toString();
  }

  String json() {
    try {
      return new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(rows);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private String share(ResultRow row) {
    if (row.rate() == null || row.part().equals(ResultRow.DEVICE_PART)) {
      return "";
    }
    String limit =
        switch (row.rateUnit()) {
          case ResultRow.GIGABYTES -> ResultRow.COPY;
          case ResultRow.TERAFLOPS -> ResultRow.PRODUCT;
          default -> null;
        };
    return rows.stream()
        .filter(r -> r.part().equals(ResultRow.DEVICE_PART) && r.subject().equals(limit))
        .filter(r -> r.rate() != null)
        .findFirst()
        .map(r -> String.format(Locale.ROOT, "%.1f %%", 100 * row.rate() / r.rate()))
        .orElse("");
  }

  private String timeOverOurs(ResultRow row) {
    if (row.who().startsWith(ResultRow.OURS) || row.microseconds() == null) {
      return "";
    }
    Optional<ResultRow> ours =
        rows.stream()
            .filter(r -> r.who().startsWith(ResultRow.OURS) && r.microseconds() != null)
            .filter(r -> r.part().equals(row.part()) && r.subject().equals(row.subject()))
            .findFirst();
    return ours.map(r -> String.format(Locale.ROOT, "%.2f", row.microseconds() / r.microseconds()))
        .orElse("");
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, value < 100 ? "%.2f" : "%,.0f", value);
  }
}
