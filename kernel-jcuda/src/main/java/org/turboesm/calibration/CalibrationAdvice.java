package org.turboesm.calibration;

import java.util.Locale;
import java.util.Optional;

/** Says when a calibration stands on too few tokens. */
public final class CalibrationAdvice {
  /**
   * Tokens for each of headDim that a covariance is good from: with 65 of them, held-out errors of
   * the demo model at two bits were 1.7 times those with 263 and with more.
   */
  private static final int TOKENS_PER_CHANNEL = 128;

  private CalibrationAdvice() {}

  /** A line for a person, where there is something to say. */
  public static Optional<String> of(Calibration calibration) {
    int headDim = calibration.codec().head(0, 0).headDim();
    long needed = (long) TOKENS_PER_CHANNEL * headDim;
    if (calibration.tokens() >= needed) {
      return Optional.empty();
    }
    String rank =
        calibration.tokens() < headDim
            ? "; covariances of " + headDim + " channels are not of full rank and were regularised"
            : "";
    return Optional.of(
        String.format(
            Locale.ROOT,
            "warning: calibrated on %,d proteins of %,d tokens together, which is few%s: use %,d"
                + " tokens or more, about %,d proteins like these",
            calibration.proteinSha256().size(),
            calibration.tokens(),
            rank,
            needed,
            (needed * calibration.proteinSha256().size() + calibration.tokens() - 1)
                / calibration.tokens()));
  }
}
