package org.turboesm.calibration;

import java.util.Arrays;
import org.turboesm.TurboEsmException;

/** The codecs, as choices of transform and table; the kernels know none of them. */
enum CodecFamily {
  /** Query-aware keys, W_o-aware values, a table a channel, allotted bits, a tail. */
  DEFAULT("default", true, false, true),
  /** TurboESM as published (arXiv 2603.26110): rotated keys, plain values, one table a head. */
  PAPER("paper", false, false, false),
  /** The same with the sign of the key's residual, one bit more. */
  PAPER_SIGN("paper-sign", false, true, false);

  private final String label;
  private final boolean errorAware;
  private final boolean residualSign;
  private final boolean tail;

  CodecFamily(String label, boolean errorAware, boolean residualSign, boolean tail) {
    this.label = label;
    this.errorAware = errorAware;
    this.residualSign = residualSign;
    this.tail = tail;
  }

  static CodecFamily parse(String label) {
    return Arrays.stream(values())
        .filter(family -> family.label.equals(label))
        .findFirst()
        .orElseThrow(
            () ->
                new TurboEsmException(
                    "unknown codec \""
                        + label
                        + "\"; known are "
                        + String.join(
                            ", ", Arrays.stream(values()).map(family -> family.label).toList())));
  }

  String label() {
    return label;
  }

  /** Whether transforms, tables and bits minimise the error of the attention output. */
  boolean errorAware() {
    return errorAware;
  }

  /** Whether keys carry the sign of their residual. */
  boolean residualSign() {
    return residualSign;
  }

  /** Whether decode keeps an unfilled block in full precision. */
  boolean tail() {
    return tail;
  }
}
