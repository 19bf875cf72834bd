package org.turboesm.job.plot;

import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import javax.imageio.ImageIO;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.title.TextTitle;

/** What a test sees of a plot. */
final class DrawnPlot {
  private DrawnPlot() {}

  static BufferedImage decode(byte[] png) {
    try {
      return ImageIO.read(new ByteArrayInputStream(png));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Pixels of exactly this colour: inside a marker or a cell nothing is smoothed. */
  static int pixels(BufferedImage image, Color colour) {
    int count = 0;
    for (int y = 0; y < image.getHeight(); y++) {
      for (int x = 0; x < image.getWidth(); x++) {
        count += image.getRGB(x, y) == colour.getRGB() ? 1 : 0;
      }
    }
    return count;
  }

  /** The lines of text under the title. */
  static List<String> subtitles(JFreeChart chart) {
    return chart.getSubtitles().stream()
        .filter(TextTitle.class::isInstance)
        .map(line -> ((TextTitle) line).getText())
        .toList();
  }
}
