package org.turboesm.job.plot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.Color;
import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.jfree.chart.JFreeChart;
import org.jfree.data.xy.XYDataset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.TurboEsmException;

class LogLogPlotTest {
  private static final PlotTitle TITLE =
      new PlotTitle("Rate and distortion", "a model, 32 proteins");

  /** A marker's inside is 50 pixels or more; three of them, and the legend's. */
  private static final int MARKERS = 100;

  private static final PlotSeries DEFAULT = series("default", 32, 0.02, 48, 0.0075, 64, 0.002);
  private static final PlotSeries PAPER = series("paper", 32, 0.3, 48, 0.126, 64, 0.04);

  @Test
  void itIsAPngOfThisSizeOnWhite() {
    BufferedImage image = draw(DEFAULT, PAPER);

    assertThat(image.getWidth()).isEqualTo(1000);
    assertThat(image.getHeight()).isEqualTo(650);
    assertThat(DrawnPlot.pixels(image, Color.WHITE)).isGreaterThan(1000 * 650 / 2);
  }

  @Test
  void everySeriesIsDrawnInItsOwnColour() {
    List<PlotSeries> all = new ArrayList<>();
    for (int i = 0; i < 7; i++) {
      all.add(series("codec " + i, 32, 0.1 * Math.pow(0.5, i), 512, 0.01 * Math.pow(0.5, i)));
    }
    BufferedImage image = DrawnPlot.decode(LogLogPlot.rateDistortion(TITLE, all).png());

    assertThat(IntStream.range(0, 7).mapToObj(PlotStyle::colour)).doesNotHaveDuplicates();
    for (int i = 0; i < 7; i++) {
      assertThat(DrawnPlot.pixels(image, PlotStyle.colour(i))).as("series %d", i).isPositive();
    }
  }

  @Test
  void aSeriesThatIsNotThereLeavesNoColour() {
    BufferedImage image = draw(DEFAULT);

    assertThat(DrawnPlot.pixels(image, PlotStyle.colour(0))).isGreaterThan(MARKERS);
    assertThat(DrawnPlot.pixels(image, PlotStyle.colour(1))).isZero();
  }

  @Test
  void bothErrorAndPositionStandInPowers() {
    JFreeChart chart =
        LogLogPlot.errorByPosition(TITLE, List.of(series("default", 1, 1e-4, 8, 1e-3))).chart();

    XYDataset points = chart.getXYPlot().getDataset();
    assertThat(points.getXValue(0, 0)).isZero();
    assertThat(points.getXValue(0, 1)).isEqualTo(3);
    assertThat(points.getYValue(0, 0)).isEqualTo(-4);
    assertThat(points.getYValue(0, 1)).isEqualTo(-3);
    assertThat(chart.getXYPlot().getDomainAxis().getLabel()).isEqualTo("tokens since the prefill");
  }

  @Test
  void pointsAreJoinedFromLeftToRight() {
    List<PlotPoint> rotated = new ArrayList<>(DEFAULT.points());
    Collections.rotate(rotated, 1);

    assertThat(plot(new PlotSeries("default", rotated)).png()).isEqualTo(plot(DEFAULT).png());
  }

  @Test
  void withNothingLeftOutThereIsNoNote() {
    assertThat(DrawnPlot.subtitles(plot(DEFAULT, PAPER).chart()))
        .containsExactly("a model, 32 proteins");
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1e-9, Double.NaN, Double.POSITIVE_INFINITY})
  void valuesWithoutALogarithmAreLeftOutAndCounted(double value) {
    PlotSeries full = series("full", 256, value, 512, value);
    PlotSeries broken = series("paper", 32, 0.3, 48, value, 64, 0.04, value, 0.1);
    LogLogPlot plot = plot(DEFAULT, full, broken);

    assertThat(DrawnPlot.subtitles(plot.chart()))
        .containsExactly(
            "a model, 32 proteins",
            "4 of 9 values left out, not positive and finite: full 2, paper 2");
    XYDataset points = plot.chart().getXYPlot().getDataset();
    assertThat(points.getItemCount(0)).isEqualTo(3);
    assertThat(points.getItemCount(1)).isZero();
    assertThat(points.getItemCount(2)).isEqualTo(2);
    assertThat(DrawnPlot.pixels(DrawnPlot.decode(plot.png()), PlotStyle.colour(2)))
        .isGreaterThan(MARKERS);
  }

  @Test
  void onePointIsAPlot() {
    assertThat(DrawnPlot.pixels(draw(series("one", 48, 0.5)), PlotStyle.colour(0))).isPositive();
  }

  @Test
  void moreSeriesThanColoursAreDrawn() {
    List<PlotSeries> all = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      all.add(series("codec " + i, 32, i + 1, 512, 2 * i + 1));
    }
    assertThat(LogLogPlot.rateDistortion(TITLE, all).png()).isNotEmpty();
  }

  @Test
  void anEmptyListIsRefused() {
    assertThatThrownBy(() -> LogLogPlot.rateDistortion(TITLE, List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("plot \"Rate and distortion\": there is no series");
  }

  @Test
  void twoSeriesOfOneNameAreRefused() {
    assertThatThrownBy(() -> plot(DEFAULT, DEFAULT))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("plot \"Rate and distortion\": two series are named default");
  }

  @Test
  void valuesOfWhichNoneCanBeDrawnAreRefused() {
    assertThatThrownBy(() -> plot(series("full", 512, 0, 256, Double.NaN), series("none")))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("\"Rate and distortion\": nothing to draw: of 2 values in 2 series");
  }

  private static BufferedImage draw(PlotSeries... series) {
    return DrawnPlot.decode(plot(series).png());
  }

  private static LogLogPlot plot(PlotSeries... series) {
    return LogLogPlot.rateDistortion(TITLE, List.of(series));
  }

  /**
   * @param coordinates x, y, x, y, ...
   */
  private static PlotSeries series(String name, double... coordinates) {
    List<PlotPoint> points = new ArrayList<>();
    for (int i = 0; i < coordinates.length; i += 2) {
      points.add(new PlotPoint(coordinates[i], coordinates[i + 1]));
    }
    return new PlotSeries(name, points);
  }
}
