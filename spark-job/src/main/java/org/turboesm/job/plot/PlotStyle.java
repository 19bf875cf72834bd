package org.turboesm.job.plot;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Shape;
import java.awt.geom.AffineTransform;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Path2D;
import java.awt.geom.Rectangle2D;
import java.util.List;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.axis.ValueAxis;
import org.jfree.chart.block.BlockBorder;
import org.jfree.chart.plot.XYPlot;
import org.jfree.chart.renderer.xy.XYLineAndShapeRenderer;
import org.jfree.chart.title.LegendTitle;
import org.jfree.chart.title.TextTitle;
import org.jfree.chart.ui.HorizontalAlignment;
import org.jfree.chart.ui.RectangleEdge;
import org.jfree.chart.ui.RectangleInsets;

/** How all plots look: white, with a thin grid, in one font. */
final class PlotStyle {
  static final Font TICK_FONT = font(Font.PLAIN, 15);
  static final Font LABEL_FONT = font(Font.PLAIN, 17);

  private static final Font TITLE_FONT = font(Font.BOLD, 21);
  private static final Font SUBTITLE_FONT = font(Font.PLAIN, 15);
  private static final Color INK = new Color(0x222222);
  private static final Color SOFT_INK = new Color(0x555555);
  private static final Color GRID = new Color(0xd4d4d4);
  private static final Color FINE_GRID = new Color(0xededed);
  private static final BasicStroke HAIRLINE = new BasicStroke(1);

  /** The palette of Okabe and Ito, which the colour-blind tell apart, without its yellow. */
  private static final List<Color> COLOURS =
      List.of(
          new Color(0x0072b2),
          new Color(0xd55e00),
          new Color(0x009e73),
          new Color(0xcc79a7),
          new Color(0xe69f00),
          new Color(0x56b4e9),
          new Color(0x000000));

  private static final List<Shape> MARKERS =
      List.of(
          new Ellipse2D.Double(-5, -5, 10, 10),
          new Rectangle2D.Double(-4.5, -4.5, 9, 9),
          polygon(0, -6, 5.5, 4.5, -5.5, 4.5),
          polygon(0, -6.5, 6.5, 0, 0, 6.5, -6.5, 0),
          polygon(0, 6, 5.5, -4.5, -5.5, -4.5),
          cross(0),
          cross(Math.PI / 4));

  private PlotStyle() {}

  static Color colour(int series) {
    return COLOURS.get(series % COLOURS.size());
  }

  /** Colours recur with another marker, hollow and dashed. */
  static void paintSeries(XYLineAndShapeRenderer renderer, int series) {
    int round = series / COLOURS.size();
    renderer.setSeriesPaint(series, colour(series));
    renderer.setSeriesShape(series, MARKERS.get((series + round) % MARKERS.size()));
    renderer.setSeriesShapesFilled(series, round % 2 == 0);
    renderer.setSeriesStroke(
        series,
        round == 0
            ? new BasicStroke(2, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND)
            : new BasicStroke(
                2,
                BasicStroke.CAP_BUTT,
                BasicStroke.JOIN_ROUND,
                1,
                new float[] {9, 3 + 2 * round},
                0));
  }

  /** A chart without its library's legend and theme. */
  static JFreeChart chart(PlotTitle title, List<String> notes, XYPlot plot) {
    JFreeChart chart = new JFreeChart(null, TITLE_FONT, plot, false);
    chart.setBackgroundPaint(Color.WHITE);
    chart.setPadding(new RectangleInsets(10, 10, 8, 18));
    chart.setTitle(line(title.title(), TITLE_FONT, INK));
    if (!title.subtitle().isEmpty()) {
      chart.addSubtitle(line(title.subtitle(), SUBTITLE_FONT, SOFT_INK));
    }
    notes.forEach(note -> chart.addSubtitle(line(note, SUBTITLE_FONT, SOFT_INK)));

    plot.setBackgroundPaint(Color.WHITE);
    plot.setOutlinePaint(SOFT_INK);
    plot.setOutlineStroke(HAIRLINE);
    plot.setAxisOffset(RectangleInsets.ZERO_INSETS);
    plot.setInsets(new RectangleInsets(8, 4, 4, 4));
    axis(plot.getDomainAxis());
    axis(plot.getRangeAxis());
    return chart;
  }

  static void grid(XYPlot plot) {
    plot.setDomainGridlinePaint(GRID);
    plot.setRangeGridlinePaint(GRID);
    plot.setDomainGridlineStroke(HAIRLINE);
    plot.setRangeGridlineStroke(HAIRLINE);
    plot.setRangeMinorGridlinesVisible(true);
    plot.setRangeMinorGridlinePaint(FINE_GRID);
    plot.setRangeMinorGridlineStroke(HAIRLINE);
  }

  static void axis(ValueAxis axis) {
    axis.setLabelFont(LABEL_FONT);
    axis.setLabelPaint(INK);
    axis.setTickLabelFont(TICK_FONT);
    axis.setTickLabelPaint(INK);
    axis.setTickMarkPaint(SOFT_INK);
    axis.setAxisLinePaint(SOFT_INK);
  }

  static LegendTitle legend(XYPlot plot) {
    LegendTitle legend = new LegendTitle(plot);
    legend.setItemFont(TICK_FONT);
    legend.setItemPaint(INK);
    legend.setPosition(RectangleEdge.BOTTOM);
    legend.setFrame(BlockBorder.NONE);
    legend.setItemLabelPadding(new RectangleInsets(2, 4, 2, 14));
    return legend;
  }

  private static TextTitle line(String text, Font font, Color colour) {
    TextTitle line = new TextTitle(text, font);
    line.setPaint(colour);
    line.setTextAlignment(HorizontalAlignment.LEFT);
    line.setHorizontalAlignment(HorizontalAlignment.LEFT);
    line.setPadding(new RectangleInsets(1, 4, 2, 4));
    return line;
  }

  private static Font font(int style, int size) {
    return new Font(Font.SANS_SERIF, style, size);
  }

  /**
   * @param corners x, y, x, y, ...
   */
  private static Shape polygon(double... corners) {
    Path2D path = new Path2D.Double();
    path.moveTo(corners[0], corners[1]);
    for (int i = 2; i < corners.length; i += 2) {
      path.lineTo(corners[i], corners[i + 1]);
    }
    path.closePath();
    return path;
  }

  private static Shape cross(double angle) {
    Shape upright =
        polygon(
            -1.7, -6, 1.7, -6, 1.7, -1.7, 6, -1.7, 6, 1.7, 1.7, 1.7, 1.7, 6, -1.7, 6, -1.7, 1.7, -6,
            1.7, -6, -1.7, -1.7, -1.7);
    return AffineTransform.getRotateInstance(angle).createTransformedShape(upright);
  }
}
