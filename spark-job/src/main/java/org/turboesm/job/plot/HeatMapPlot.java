package org.turboesm.job.plot;

import java.awt.Color;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.DoubleStream;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.axis.AxisLocation;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.plot.XYPlot;
import org.jfree.chart.renderer.xy.XYBlockRenderer;
import org.jfree.chart.title.PaintScaleLegend;
import org.jfree.chart.ui.RectangleEdge;
import org.jfree.chart.ui.RectangleInsets;
import org.jfree.data.xy.DefaultXYZDataset;
import org.turboesm.TurboEsmException;

/**
 * One value of each head of each layer, as colours of a logarithmic scale. Values without a
 * logarithm are grey, and a line under the subtitle says how many.
 */
public final class HeatMapPlot {
  private static final int LEGEND_STRIPS = 256;

  private final PlotTitle title;
  private final String valueName;
  private final double[][] values;

  /**
   * @param valueName written along the legend bar
   * @param values [layers][heads]
   */
  public HeatMapPlot(PlotTitle title, String valueName, double[][] values) {
    this.title = Objects.requireNonNull(title, "title");
    this.valueName = Objects.requireNonNull(valueName, "valueName");
    this.values = Arrays.stream(values).map(double[]::clone).toArray(double[][]::new);
    if (values.length == 0 || values[0].length == 0) {
      throw new IllegalArgumentException("plot \"" + title.title() + "\": there is no head");
    }
    for (double[] layer : values) {
      if (layer.length != values[0].length) {
        throw new IllegalArgumentException(
            "plot \""
                + title.title()
                + "\": layers of "
                + values[0].length
                + " and of "
                + layer.length
                + " heads");
      }
    }
    if (drawable().findAny().isEmpty()) {
      throw new TurboEsmException(
          "plot \""
              + title.title()
              + "\": nothing to draw: of "
              + cells()
              + " values none is positive and finite, as a logarithmic scale needs; read them in"
              + " the table instead");
    }
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
    LogScale scale = LogScale.decadesWithoutMargin(drawable());
    ColourScale colours = new ColourScale(scale.lower(), scale.upper());
    XYBlockRenderer renderer = new XYBlockRenderer();
    renderer.setPaintScale(colours);
    XYPlot plot =
        new XYPlot(cells(scale), index("head", heads()), index("layer", values.length), renderer);
    JFreeChart chart = PlotStyle.chart(title, greyNote(), plot);
    plot.setDomainGridlinesVisible(false);
    plot.setRangeGridlinesVisible(false);
    chart.addSubtitle(legend(scale, colours));
    return chart;
  }

  private DefaultXYZDataset cells(LogScale scale) {
    double[][] cells = new double[3][cells()];
    for (int layer = 0; layer < values.length; layer++) {
      for (int head = 0; head < heads(); head++) {
        int cell = layer * heads() + head;
        double value = values[layer][head];
        cells[0][cell] = head;
        cells[1][cell] = layer;
        cells[2][cell] = LogScale.hasLogarithm(value) ? scale.position(value) : Double.NaN;
      }
    }
    DefaultXYZDataset dataset = new DefaultXYZDataset();
    dataset.addSeries(valueName, cells);
    return dataset;
  }

  private static NumberAxis index(String label, int count) {
    NumberAxis axis = new NumberAxis(label);
    axis.setStandardTickUnits(NumberAxis.createIntegerTickUnits());
    axis.setRange(-0.5, count - 0.5);
    return axis;
  }

  private PaintScaleLegend legend(LogScale scale, ColourScale colours) {
    LogScaleAxis axis = new LogScaleAxis(valueName, scale);
    PlotStyle.axis(axis);
    PaintScaleLegend legend = new PaintScaleLegend(colours, axis);
    legend.setSubdivisionCount(LEGEND_STRIPS);
    legend.setStripWidth(22);
    legend.setStripOutlineVisible(false);
    legend.setAxisLocation(AxisLocation.TOP_OR_RIGHT);
    legend.setPosition(RectangleEdge.RIGHT);
    legend.setMargin(new RectangleInsets(8, 14, 50, 0));
    legend.setBackgroundPaint(Color.WHITE);
    return legend;
  }

  private List<String> greyNote() {
    long grey = cells() - drawable().count();
    return grey == 0
        ? List.of()
        : List.of(grey + " of " + cells() + " values grey, not positive and finite");
  }

  private int heads() {
    return values[0].length;
  }

  private int cells() {
    return values.length * heads();
  }

  private DoubleStream drawable() {
    return Arrays.stream(values).flatMapToDouble(Arrays::stream).filter(LogScale::hasLogarithm);
  }
}
