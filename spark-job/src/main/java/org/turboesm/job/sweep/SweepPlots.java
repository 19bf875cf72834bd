package org.turboesm.job.sweep;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import org.turboesm.TurboEsmException;
import org.turboesm.job.plot.HeatMapPlot;
import org.turboesm.job.plot.LogLogPlot;
import org.turboesm.job.plot.PlotPoint;
import org.turboesm.job.plot.PlotSeries;
import org.turboesm.job.plot.PlotTitle;
import org.turboesm.udf.Mode;
import org.turboesm.udf.ModelIdentity;

/**
 * The plots of a sweep: those that its rows have something to show in. All but the one over
 * calibration sizes show the greatest of these.
 */
final class SweepPlots {
  private final List<FidelityRow> rows;
  private final ModelIdentity model;
  private final Map<String, byte[]> pngs = new LinkedHashMap<>();
  private final List<String> leftOut = new ArrayList<>();

  private SweepPlots(List<FidelityRow> rows, ModelIdentity model) {
    this.rows = rows;
    this.model = model;
  }

  /** Draws them. */
  static SweepPlots draw(List<FidelityRow> rows, ModelIdentity model) {
    SweepPlots plots = new SweepPlots(rows, model);
    plots.drawAll();
    return plots;
  }

  /** PNGs by file name. */
  Map<String, byte[]> pngs() {
    return pngs;
  }

  /** A line for each plot that there should be and that could not be drawn. */
  List<String> leftOut() {
    return leftOut;
  }

  private void drawAll() {
    int most = rows.stream().mapToInt(FidelityRow::calibrationProteins).max().orElse(0);
    List<FidelityRow> settled =
        rows.stream().filter(row -> row.calibrationProteins() == most).toList();
    List<FidelityRow> turbo = ofMode(Mode.TURBO, settled);
    if (turbo.stream().mapToDouble(FidelityRow::bytesPerTokenHead).distinct().count() > 1) {
      draw(
          "rate-distortion.png",
          () ->
              LogLogPlot.rateDistortion(
                      title("What bytes buy", turbo),
                      series(
                          turbo,
                          FidelityRow::codec,
                          row -> List.of(point(row.bytesPerTokenHead(), row.nmseMean()))))
                  .png());
    }
    if (rows.stream().mapToInt(FidelityRow::calibrationProteins).distinct().count() > 1) {
      draw(
          "calibration.png",
          () ->
              LogLogPlot.errorByCalibration(
                      title("How many proteins calibration needs", rows),
                      series(
                          rows,
                          row -> row.label() + ", " + mode(row),
                          row -> List.of(point(row.calibrationProteins(), row.nmseMean()))))
                  .png());
    }
    FidelityRow first = rows.get(0);
    List<FidelityRow> heads =
        settled.stream()
            .filter(row -> row.codec().equals(first.codec()) && mode(row).equals(mode(first)))
            .toList();
    for (FidelityRow row : heads) {
      String name = name(row, heads, FidelityRow::label);
      draw(
          "heads-" + name.replaceAll("[ ,]+", "-") + ".png",
          () ->
              new HeatMapPlot(
                      title("Where the error of " + name + " lives", List.of(row)),
                      "NMSE that the head alone leaves",
                      matrix(row.nmseByHead()))
                  .png());
    }
    List<FidelityRow> decode = ofMode(Mode.DECODE, settled);
    if (!decode.isEmpty()) {
      draw(
          "positions.png",
          () ->
              LogLogPlot.errorByPosition(
                      title("Does the error of decode accumulate?", decode),
                      series(
                          decode,
                          row -> row.label() + " after " + row.prefill(),
                          SweepPlots::positions))
                  .png());
    }
  }

  private void draw(String name, Supplier<byte[]> plot) {
    try {
      pngs.put(name, plot.get());
    } catch (TurboEsmException e) {
      leftOut.add(name + " is left out: " + e.getMessage());
    }
  }

  private static List<FidelityRow> ofMode(Mode mode, List<FidelityRow> rows) {
    return rows.stream().filter(row -> row.mode().equals(mode.label())).toList();
  }

  private static String mode(FidelityRow row) {
    return row.mode() + (row.prefill() == null ? "" : " after " + row.prefill());
  }

  private PlotTitle title(String title, List<FidelityRow> of) {
    return new PlotTitle(
        title,
        String.format(
            Locale.ROOT,
            "model %s, %,d held-out proteins, mode %s",
            model.name(),
            of.get(0).proteins(),
            String.join(" and ", of.stream().map(FidelityRow::mode).distinct().toList())));
  }

  /** A row's name, with what tells it from other rows of that name. */
  private static String name(
      FidelityRow row, List<FidelityRow> among, Function<FidelityRow, String> name) {
    List<FidelityRow> alike =
        among.stream().filter(other -> name.apply(other).equals(name.apply(row))).toList();
    StringBuilder full = new StringBuilder(name.apply(row));
    if (alike.stream().map(FidelityRow::allotment).distinct().count() > 1) {
      full.append(", bits by ").append(row.allotment());
    }
    if (alike.stream().map(FidelityRow::calibratedOn).distinct().count() > 1) {
      full.append(", calibrated on ").append(row.calibratedOn());
    }
    return full.toString();
  }

  private static List<PlotSeries> series(
      List<FidelityRow> rows,
      Function<FidelityRow, String> name,
      Function<FidelityRow, List<PlotPoint>> points) {
    Map<String, List<PlotPoint>> byName = new LinkedHashMap<>();
    for (FidelityRow row : rows) {
      byName
          .computeIfAbsent(name(row, rows, name), n -> new ArrayList<>())
          .addAll(points.apply(row));
    }
    return byName.entrySet().stream()
        .map(entry -> new PlotSeries(entry.getKey(), entry.getValue()))
        .toList();
  }

  /** A figure that a row does not have is not a number, which plots leave out and count. */
  private static PlotPoint point(double x, Double y) {
    return new PlotPoint(x, y == null ? Double.NaN : y);
  }

  private static List<PlotPoint> positions(FidelityRow row) {
    return row.positions().stream()
        .map(position -> new PlotPoint(position.from(), 1 - position.cosine()))
        .toList();
  }

  private static double[][] matrix(List<List<Double>> values) {
    return values.stream()
        .map(
            layer ->
                layer.stream().mapToDouble(value -> value == null ? Double.NaN : value).toArray())
        .toArray(double[][]::new);
  }
}
