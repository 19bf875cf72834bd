package org.turboesm.job.plot;

import java.awt.AWTError;
import java.awt.Font;
import java.awt.font.FontRenderContext;
import java.awt.font.TextLayout;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.function.Supplier;
import javax.imageio.ImageIO;
import javax.imageio.stream.ImageOutputStream;
import javax.imageio.stream.MemoryCacheImageOutputStream;
import org.jfree.chart.JFreeChart;
import org.turboesm.TurboEsmException;

/** A chart as the bytes of a PNG, in a JVM with or without a display. */
final class ChartImage {
  static final int WIDTH = 1000;
  static final int HEIGHT = 650;

  private static final String LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";

  private ChartImage() {}

  /**
   * Draws a chart.
   *
   * @throws TurboEsmException if this Java has no fonts, or cannot draw at all
   */
  static byte[] png(Supplier<JFreeChart> chart) {
    requireFonts();
    BufferedImage image =
        chart.get().createBufferedImage(WIDTH, HEIGHT, BufferedImage.TYPE_INT_RGB, null);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    // In memory: ImageIO's default caches in a file.
    try (ImageOutputStream stream = new MemoryCacheImageOutputStream(bytes)) {
      if (!ImageIO.write(image, "png", stream)) {
        throw new IllegalStateException("every Java platform writes PNG");
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  /**
   * Lays out a word, before anything else is drawn. Where fonts or their native libraries are
   * missing Java throws what comes: NullPointerException, InternalError, UnsatisfiedLinkError.
   */
  private static void requireFonts() {
    try {
      Font font = PlotStyle.TICK_FONT;
      TextLayout layout = new TextLayout(LETTERS, font, new FontRenderContext(null, true, true));
      if (font.canDisplayUpTo(LETTERS) >= 0 || layout.getAdvance() <= 0) {
        throw cannotDraw("the font " + font.getFontName() + " lacks plain letters", null);
      }
    } catch (TurboEsmException e) {
      throw e;
    } catch (RuntimeException | LinkageError | InternalError | AWTError e) {
      throw cannotDraw(e.toString(), e);
    }
  }

  private static TurboEsmException cannotDraw(String found, Throwable cause) {
    return new TurboEsmException(
        "plots cannot be drawn: the Java of "
            + System.getProperty("java.home")
            + " finds no fonts ("
            + found
            + "). Install fontconfig, FreeType and a font (Debian and Ubuntu: apt-get install"
            + " fontconfig libfreetype6 fonts-dejavu-core; Fedora and RHEL: dnf install fontconfig"
            + " freetype dejavu-sans-fonts), and where DISPLAY is set without a display, start Java"
            + " with -Djava.awt.headless=true",
        cause);
  }
}
