package org.turboesm.job.plot;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.turboesm.TurboEsmException;

/** Draws in JVMs of their own: what a JVM knows of displays and fonts it learns once. */
class ChartImageTest {
  @TempDir Path folder;

  /** Prints what became of one plot. */
  static final class DrawOnce {
    private DrawOnce() {}

    public static void main(String[] args) {
      try {
        byte[] png =
            new HeatMapPlot(new PlotTitle("title", "subtitle"), "NMSE", new double[][] {{1, 10}})
                .png();
        System.out.println("drawn, " + DrawnPlot.decode(png).getWidth() + " wide");
      } catch (TurboEsmException e) {
        System.out.println(e.getMessage());
      }
    }
  }

  @Test
  void drawsWithoutADisplay() throws Exception {
    assertThat(draw(List.of("-Djava.awt.headless=true"), Map.of())).isEqualTo("drawn, 1000 wide");
  }

  @Test
  void drawsHeadlessWhereDisplayNamesNone() throws Exception {
    assertThat(draw(List.of("-Djava.awt.headless=true"), Map.of("DISPLAY", ":4711")))
        .isEqualTo("drawn, 1000 wide");
  }

  @Test
  void withoutFontsOneErrorNamesTheRemedy() throws Exception {
    Path configuration = folder.resolve("fonts.conf");
    Files.writeString(configuration, "<?xml version=\"1.0\"?><fontconfig></fontconfig>");

    assertThat(
            draw(
                List.of("-Djava.awt.headless=true"),
                Map.of("FONTCONFIG_FILE", configuration.toString())))
        .startsWith("plots cannot be drawn: the Java of ")
        .contains("finds no fonts (")
        .contains("apt-get install fontconfig libfreetype6 fonts-dejavu-core")
        .hasLineCount(1);
  }

  /** Java caches the fonts it found below user.home. */
  private String draw(List<String> flags, Map<String, String> environment)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-Duser.home=" + folder);
    command.addAll(flags);
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(DrawOnce.class.getName());
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.redirectError(folder.resolve("stderr").toFile());
    builder.environment().putAll(environment);
    Process process = builder.start();
    String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    return printed.strip() + Files.readString(folder.resolve("stderr")).strip();
  }
}
