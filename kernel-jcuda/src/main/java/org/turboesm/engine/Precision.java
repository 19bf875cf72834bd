package org.turboesm.engine;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import org.turboesm.TurboEsmException;

/** The number format of an engine's linear layers. */
public enum Precision {
  F32,
  BF16,
  INT8,
  /** Floats that GEMMs on tensor cores read with 10 bits of mantissa. */
  TF32;

  /** The word that selects an engine's own choice. */
  public static final String AUTO = "auto";

  /** The name on the command line. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * Parses a command-line name; {@code auto} is empty.
   *
   * @throws TurboEsmException for any other word
   */
  public static Optional<Precision> parse(String label) {
    if (label.equals(AUTO)) {
      return Optional.empty();
    }
    for (Precision precision : values()) {
      if (precision.label().equals(label)) {
        return Optional.of(precision);
      }
    }
    throw new TurboEsmException(
        "unknown precision \""
            + label
            + "\"; known are auto, "
            + String.join(", ", Arrays.stream(values()).map(Precision::label).toList()));
  }
}
