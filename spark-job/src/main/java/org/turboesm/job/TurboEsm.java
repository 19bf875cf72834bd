package org.turboesm.job;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import org.turboesm.job.cli.CommandLines;

/** The program: {@code turboesm COMMAND [OPTION...]}. */
public final class TurboEsm {
  private TurboEsm() {}

  /**
   * Runs a command and ends the JVM where it failed. Plots are drawn without a display, even where
   * DISPLAY names one that cannot be reached; in other JVMs, and where the user has set it, {@code
   * java.awt.headless} stays as it is.
   */
  public static void main(String[] args) {
    if (System.getProperty("java.awt.headless") == null) {
      System.setProperty("java.awt.headless", "true");
    }
    int code =
        run(
            new PrintWriter(System.out, true, StandardCharsets.UTF_8),
            new PrintWriter(System.err, true, StandardCharsets.UTF_8),
            args);
    if (code != 0) {
      System.exit(code);
    }
  }

  /**
   * Runs a command in this JVM.
   *
   * @param out results
   * @param err progress and errors
   * @return the exit status: 0, 1 where it failed, 2 where it was called wrongly
   */
  public static int run(PrintWriter out, PrintWriter err, String... args) {
    return CommandLines.create(out, err).execute(args);
  }
}
