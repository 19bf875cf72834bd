package org.turboesm.job.plot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.Color;
import java.awt.image.BufferedImage;
import java.util.Arrays;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.title.PaintScaleLegend;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.TurboEsmException;

class HeatMapPlotTest {
  private static final PlotTitle TITLE = new PlotTitle("NMSE by head", "default, 48 bytes");
  private static final Color LOWEST = new ColourScale(0, 1).colour(0);
  private static final Color HIGHEST = new ColourScale(0, 1).colour(1);

  @Test
  void itIsAPngOfThisSize() {
    BufferedImage image = DrawnPlot.decode(plot(new double[][] {{1e-3, 1e-2}}).png());

    assertThat(image.getWidth()).isEqualTo(1000);
    assertThat(image.getHeight()).isEqualTo(650);
  }

  /** Half the cells at either end of the scale: of a plot's area, which is half the picture. */
  @Test
  void cellsHaveTheColoursOfTheirValues() {
    BufferedImage image =
        DrawnPlot.decode(plot(new double[][] {{1e-3, 1e-2}, {1e-2, 1e-3}, {1e-3, 1e-2}}).png());

    assertThat(DrawnPlot.pixels(image, LOWEST)).isGreaterThan(1000 * 650 / 6);
    assertThat(DrawnPlot.pixels(image, HIGHEST)).isGreaterThan(1000 * 650 / 6);
  }

  @Test
  void layersRunUpwardsAndHeadsToTheRight() {
    double[][] values = new double[4][4];
    for (double[] layer : values) {
      Arrays.fill(layer, 1);
    }
    values[3][0] = 100;
    BufferedImage image = DrawnPlot.decode(plot(values).png());

    for (int y = 0; y < image.getHeight(); y++) {
      for (int x = 0; x < 800; x++) {
        if (image.getRGB(x, y) == HIGHEST.getRGB()) {
          assertThat(x).isLessThan(350);
          assertThat(y).isLessThan(300);
        }
      }
    }
    assertThat(DrawnPlot.pixels(image, HIGHEST)).isGreaterThan(10_000);
  }

  @Test
  void theMiddleOfTheScaleIsTheGeometricMean() {
    BufferedImage image = DrawnPlot.decode(plot(new double[][] {{1e-4, 1e-3, 1e-2}}).png());

    assertThat(DrawnPlot.pixels(image, new ColourScale(0, 1).colour(0.5))).isGreaterThan(50_000);
  }

  @Test
  void theLegendBarSpansTheValues() {
    JFreeChart chart = plot(new double[][] {{1e-4, 3e-2}, {1e-3, 1e-3}}).chart();

    PaintScaleLegend legend =
        (PaintScaleLegend)
            chart.getSubtitles().stream()
                .filter(PaintScaleLegend.class::isInstance)
                .findFirst()
                .orElseThrow();
    assertThat(legend.getAxis().getLowerBound()).isEqualTo(-4);
    assertThat(legend.getAxis().getUpperBound()).isEqualTo(Math.log10(3e-2));
    assertThat(legend.getAxis().getLabel()).isEqualTo("NMSE");
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY})
  void valuesWithoutALogarithmAreGreyAndCounted(double value) {
    HeatMapPlot plot = plot(new double[][] {{1e-3, value}, {1e-2, 1e-1}});

    assertThat(DrawnPlot.subtitles(plot.chart()))
        .containsExactly("default, 48 bytes", "1 of 4 values grey, not positive and finite");
    assertThat(DrawnPlot.pixels(DrawnPlot.decode(plot.png()), ColourScale.ABSENT))
        .isGreaterThan(50_000);
  }

  @Test
  void equalValuesAreAPlot() {
    assertThat(plot(new double[][] {{2e-3, 2e-3}}).png()).isNotEmpty();
  }

  @Test
  void nothingToDrawIsRefused() {
    assertThatThrownBy(() -> plot(new double[][] {{0, Double.NaN}}))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("\"NMSE by head\": nothing to draw: of 2 values");
  }

  @Test
  void noHeadIsRefused() {
    assertThatThrownBy(() -> plot(new double[0][]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("plot \"NMSE by head\": there is no head");
  }

  @Test
  void layersOfUnequalWidthAreRefused() {
    assertThatThrownBy(() -> plot(new double[][] {{1, 2}, {1}}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("plot \"NMSE by head\": layers of 2 and of 1 heads");
  }

  private static HeatMapPlot plot(double[][] values) {
    return new HeatMapPlot(TITLE, "NMSE", values);
  }
}
