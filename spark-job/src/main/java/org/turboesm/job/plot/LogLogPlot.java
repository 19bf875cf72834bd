package org.turboesm.job.plot;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.plot.XYPlot;
import org.jfree.chart.renderer.xy.XYLineAndShapeRenderer;
import org.jfree.data.xy.XYSeries;
import org.jfree.data.xy.XYSeriesCollection;
import org.turboesm.TurboEsmException;

/**
 * Lines by codec over powers of two, both axes logarithmic. Points without a logarithm in x or y
 * are left out, and a line under the subtitle says how many, of which series.
 */
public final class LogLogPlot {
  private final PlotTitle title;
  private final String xLabel;
  private final String yLabel;
  private final List<PlotSeries> series;

  private LogLogPlot(PlotTitle title, String xLabel, String yLabel, List<PlotSeries> series) {
    this.title = title;
    this.xLabel = xLabel;
    this.yLabel = yLabel;
    this.series = List.copyOf(series);
    if (series.isEmpty()) {
      throw new IllegalArgumentException("plot \"" + title.title() + "\": there is no series");
    }
    Set<String> names = new HashSet<>();
    for (PlotSeries one : series) {
      if (!names.add(one.name())) {
        throw new IllegalArgumentException(
            "plot \"" + title.title() + "\": two series are named " + one.name());
      }
    }
    if (drawable(PlotPoint::x).findAny().isEmpty()) {
      throw new TurboEsmException(
          "plot \""
              + title.title()
              + "\": nothing to draw: of "
              + points()
              + " values in "
              + series.size()
              + " series none is positive and finite, as logarithmic axes need; read them in the"
              + " table instead");
    }
  }

  /**
   * What a codec's bytes buy.
   *
   * @param series by codec: bytes a token and head, NMSE of the attention output
   */
  public static LogLogPlot rateDistortion(PlotTitle title, List<PlotSeries> series) {
    return new LogLogPlot(title, "bytes a token and head", "NMSE of the attention output", series);
  }

  /**
   * How the error grows while tokens are decoded.
   *
   * @param series by codec: tokens since the prefill, from 1, and 1 - cosine of the last hidden
   *     state
   */
  public static LogLogPlot errorByPosition(PlotTitle title, List<PlotSeries> series) {
    return new LogLogPlot(
        title, "tokens since the prefill", "1 - cosine of the last hidden state", series);
  }

  /**
   * What calibration on more proteins wins.
   *
   * @param series by codec: calibration proteins, NMSE of the attention output
   */
  public static LogLogPlot errorByCalibration(PlotTitle title, List<PlotSeries> series) {
    return new LogLogPlot(title, "calibration proteins", "NMSE of the attention output", series);
  }

  /**
   * The plot as a PNG of 1000 x 650.
   *
   * @throws TurboEsmException if this Java cannot draw text
   */
  public byte[] png() {
    return ChartImage.png(this::chart);
  }

  JFreeChart chart() {
    LogScale xScale = LogScale.powersOfTwo(drawable(PlotPoint::x));
    LogScale yScale = LogScale.decades(drawable(PlotPoint::y));
    XYSeriesCollection lines = new XYSeriesCollection();
    XYLineAndShapeRenderer renderer = new XYLineAndShapeRenderer(true, true);
    for (PlotSeries one : series) {
      XYSeries line = new XYSeries(one.name());
      one.drawable().forEach(p -> line.add(xScale.position(p.x()), yScale.position(p.y())));
      PlotStyle.paintSeries(renderer, lines.getSeriesCount());
      lines.addSeries(line);
    }
    XYPlot plot =
        new XYPlot(
            lines, new LogScaleAxis(xLabel, xScale), new LogScaleAxis(yLabel, yScale), renderer);
    JFreeChart chart = PlotStyle.chart(title, leftOutNote(), plot);
    PlotStyle.grid(plot);
    chart.addSubtitle(PlotStyle.legend(plot));
    return chart;
  }

  private List<String> leftOutNote() {
    List<String> bySeries = new ArrayList<>();
    int leftOut = 0;
    for (PlotSeries one : series) {
      if (one.leftOut() > 0) {
        leftOut += one.leftOut();
        bySeries.add(one.name() + " " + one.leftOut());
      }
    }
    return leftOut == 0
        ? List.of()
        : List.of(
            bySeries.stream()
                .collect(
                    Collectors.joining(
                        ", ",
                        leftOut + " of " + points() + " values left out, not positive and finite: ",
                        "")));
  }

  private int points() {
    return series.stream().mapToInt(one -> one.points().size()).sum();
  }

  private DoubleStream drawable(ToDoubleFunction<PlotPoint> coordinate) {
    return series.stream().flatMap(one -> one.drawable().stream()).mapToDouble(coordinate);
  }
}
