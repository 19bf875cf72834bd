package org.turboesm.job.progress;

import java.util.Locale;

/**
 * Says how far a job is.
 *
 * @param name of what is running
 * @param proteins to be run
 * @param modes how many passes each of them takes
 * @param tokens of all passes
 */
record ProgressLine(String name, long proteins, int modes, long tokens) {

  /**
   * @param passes proteins done, each once a mode
   * @param doneTokens of those passes
   * @param seconds since the job began
   */
  String of(long passes, long doneTokens, double seconds) {
    double speed = doneTokens / Math.max(seconds, 1e-3);
    String line =
        String.format(
            Locale.ROOT,
            "%s: %,d/%,d proteins, %,.0f tokens/s",
            name,
            Math.min(passes / modes, proteins),
            proteins,
            speed);
    boolean foreseeable = doneTokens > 0 && doneTokens < tokens;
    return foreseeable ? line + ", " + clock((tokens - doneTokens) / speed) + " left" : line;
  }

  private static String clock(double seconds) {
    long rounded = Math.round(seconds);
    return rounded < 3600
        ? String.format(Locale.ROOT, "%d:%02d", rounded / 60, rounded % 60)
        : String.format(
            Locale.ROOT, "%d:%02d:%02d", rounded / 3600, rounded / 60 % 60, rounded % 60);
  }
}
