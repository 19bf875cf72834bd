package org.turboesm.calibration;

/** The coordinates in which a head's keys or values are quantized. */
enum Coordinates {
  /** As they are. */
  PLAIN,
  /** Rotated by a Hadamard matrix, which spreads outliers over all channels. */
  HADAMARD,
  /** Their own principal axes: what a singular value decomposition finds. */
  PRINCIPAL,
  /**
   * Coordinates in which plain squared error is the error of what the vectors are used for: the
   * logits for keys, the attention output after W_o for values.
   */
  ERROR_WEIGHTED
}
