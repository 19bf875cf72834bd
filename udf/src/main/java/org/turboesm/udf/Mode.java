package org.turboesm.udf;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.turboesm.TurboEsmException;

/** The three ways to run a protein, in the order in which they are run and written. */
public enum Mode {
  /** The ordinary bidirectional forward pass. */
  ENCODE,
  /** The same pass, but attention reads keys and values back from the packed cache. */
  TURBO,
  /** A prefix at once, then token by token over the packed cache. */
  DECODE;

  /** The name on the command line and in the output. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Whether it needs a calibration. */
  public boolean needsCalibration() {
    return this != ENCODE;
  }

  /**
   * The mode of a label.
   *
   * @throws TurboEsmException for any other word
   */
  public static Mode parse(String label) {
    return Arrays.stream(values())
        .filter(mode -> mode.label().equals(label))
        .findFirst()
        .orElseThrow(
            () ->
                new TurboEsmException(
                    "unknown mode \""
                        + label
                        + "\"; known are "
                        + labels(List.of(values()), ", ")));
  }

  /** The labels of some modes. */
  public static String labels(List<Mode> modes, String separator) {
    return modes.stream().map(Mode::label).collect(Collectors.joining(separator));
  }
}
