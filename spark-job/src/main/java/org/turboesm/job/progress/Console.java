package org.turboesm.job.progress;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;

/**
 * Lines for a person on standard error. On a terminal a passing line is overwritten by the next
 * one; elsewhere, in a log, it is printed at most once a second. Thread-safe.
 */
public final class Console {
  private static final long TERMINAL_INTERVAL = 200_000_000L;
  private static final long LOG_INTERVAL = 1_000_000_000L;

  private final PrintWriter writer;
  private final boolean terminal;

  private long lastPassing = Long.MIN_VALUE;
  private int passingWidth;

  /**
   * @param terminal whether a carriage return overwrites a line
   */
  public Console(PrintWriter writer, boolean terminal) {
    this.writer = writer;
    this.terminal = terminal;
  }

  /** A console that knows by itself whether standard error is a terminal. */
  public static Console of(PrintWriter writer) {
    return new Console(writer, isTerminal());
  }

  private static boolean isTerminal() {
    try {
      String target = Path.of("/dev/stderr").toRealPath().toString();
      return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty");
    } catch (IOException | RuntimeException e) {
      return false;
    }
  }

  /** A line that stays. */
  public synchronized void line(String text) {
    clear();
    writer.println(text);
    writer.flush();
  }

  /** A line that the next one replaces; dropped if one was shown a moment ago. */
  public synchronized void passing(String text) {
    long now = System.nanoTime();
    long interval = terminal ? TERMINAL_INTERVAL : LOG_INTERVAL;
    if (lastPassing != Long.MIN_VALUE && now - lastPassing < interval) {
      return;
    }
    lastPassing = now;
    if (terminal) {
      clear();
      writer.print(text);
      passingWidth = text.length();
    } else {
      writer.println(text);
    }
    writer.flush();
  }

  private void clear() {
    if (passingWidth > 0) {
      writer.print("\r" + " ".repeat(passingWidth) + "\r");
      passingWidth = 0;
    }
  }
}
