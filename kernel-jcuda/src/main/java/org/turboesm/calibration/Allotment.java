package org.turboesm.calibration;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.turboesm.TurboEsmException;

/** Among which channels the bits of a codec may move; the total of each such set is exact. */
public enum Allotment {
  /** Among the keys of a head, and among its values. */
  SEPARATE,
  /** Among a head's keys and values together. */
  HEAD,
  /** Among all heads of a layer, keys and values together. */
  LAYER,
  /** Among all layers. */
  MODEL;

  /** The word on the command line. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The allotment of a label.
   *
   * @throws TurboEsmException for any other word
   */
  public static Allotment parse(String label) {
    return Arrays.stream(values())
        .filter(allotment -> allotment.label().equals(label))
        .findFirst()
        .orElseThrow(
            () ->
                new TurboEsmException(
                    "unknown allotment \""
                        + label
                        + "\"; known are "
                        + Arrays.stream(values())
                            .map(Allotment::label)
                            .collect(Collectors.joining(", "))));
  }
}
