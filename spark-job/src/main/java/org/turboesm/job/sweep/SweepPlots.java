package org.turboesm.job.sweep;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import org.turboesm.job.plot.HeatMapPlot;
import org.turboesm.job.plot.LogLogPlot;
import org.turboesm.job.plot.PlotPoint;
import org.turboesm.job.plot.PlotSeries;
import org.turboesm.job.plot.PlotTitle;
import org.turboesm.udf.Mode;
import org.turboesm.udf.ModelIdentity;

/** The plots of a sweep: those that its rows have something to show in. */
final class SweepPlots {
  private final List<FidelityRow> rows;
  private final ModelIdentity model;

  SweepPlots(List<FidelityRow> rows, ModelIdentity model) {
    this.rows = rows;
    this.model = model;
  }

  /** PNGs by file name. */
  Map<String, byte[]> pngs() {
    Map<String, byte[]> pngs = new LinkedHashMap<>();
    List<FidelityRow> turbo = ofMode(Mode.TURBO);
    if (turbo.stream().mapToDouble(FidelityRow::bytesPerTokenHead).distinct().count() > 1) {
      pngs.put(
          "rate-distortion.png",
          LogLogPlot.rateDistortion(
                  title("What bytes buy", turbo),
                  series(turbo, FidelityRow::bytesPerTokenHead, FidelityRow::nmseMean))
              .png());
    }
    if (rows.stream().mapToInt(FidelityRow::calibrationProteins).distinct().count() > 1) {
      pngs.put(
          "calibration.png",
          LogLogPlot.errorByCalibration(
                  title("How many proteins calibration needs", rows),
                  labelled(rows, row -> (double) row.calibrationProteins(), FidelityRow::nmseMean))
              .png());
    }
    for (FidelityRow row : rows) {
      if (row.codec().equals(rows.get(0).codec()) && row.mode().equals(rows.get(0).mode())) {
        pngs.putIfAbsent(
            "heads-" + row.label().replace(' ', '-') + ".png",
            new HeatMapPlot(
                    title("Where the error of " + row.label() + " lives", List.of(row)),
                    "NMSE that the head alone leaves",
                    matrix(row.nmseByHead()))
                .png());
      }
    }
    List<FidelityRow> decode = ofMode(Mode.DECODE);
    if (!decode.isEmpty()) {
      pngs.put(
          "positions.png",
          LogLogPlot.errorByPosition(
                  title("Does the error of decode accumulate?", decode), positions(decode))
              .png());
    }
    return pngs;
  }

  private List<FidelityRow> ofMode(Mode mode) {
    return rows.stream().filter(row -> row.mode().equals(mode.label())).toList();
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

  /** A figure of a row; null where it has none. */
  private interface Figure {
    Double of(FidelityRow row);
  }

  private static List<PlotSeries> series(List<FidelityRow> rows, Figure x, Figure y) {
    return grouped(rows, FidelityRow::codec, x, y);
  }

  private static List<PlotSeries> labelled(List<FidelityRow> rows, Figure x, Figure y) {
    return grouped(rows, row -> row.label() + ", " + row.mode(), x, y);
  }

  private static List<PlotSeries> grouped(
      List<FidelityRow> rows, Function<FidelityRow, String> name, Figure x, Figure y) {
    Map<String, List<PlotPoint>> points = new LinkedHashMap<>();
    for (FidelityRow row : rows) {
      if (x.of(row) != null && y.of(row) != null) {
        points
            .computeIfAbsent(name.apply(row), n -> new ArrayList<>())
            .add(new PlotPoint(x.of(row), y.of(row)));
      }
    }
    return points.entrySet().stream()
        .map(entry -> new PlotSeries(entry.getKey(), entry.getValue()))
        .toList();
  }

  private static List<PlotSeries> positions(List<FidelityRow> rows) {
    Map<String, List<PlotPoint>> points = new LinkedHashMap<>();
    for (FidelityRow row : rows) {
      points.putIfAbsent(
          row.label() + " after " + row.prefill(),
          row.positions().stream()
              .map(position -> new PlotPoint(position.from(), 1 - position.cosine()))
              .toList());
    }
    return points.entrySet().stream()
        .map(entry -> new PlotSeries(entry.getKey(), entry.getValue()))
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
