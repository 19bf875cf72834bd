package org.turboesm.engine;

import java.io.Serializable;
import org.turboesm.TurboEsmException;

/**
 * How many of a protein's tokens are prefilled before decode begins.
 *
 * @param fraction of the tokens, with {@code <cls>} and {@code <eos>}; used where {@code count} is
 *     0
 * @param count tokens, the same for every protein
 */
public record Prefill(double fraction, int count) implements Serializable {

  /**
   * Parses {@code 0.5} as a fraction (a number with a point, 0 to 1) or {@code 128} as a count.
   *
   * @throws TurboEsmException for anything else
   */
  public static Prefill parse(String text) {
    try {
      if (text.contains(".")) {
        double fraction = Double.parseDouble(text);
        if (fraction >= 0 && fraction <= 1) {
          return new Prefill(fraction, 0);
        }
      } else {
        int count = Integer.parseInt(text);
        if (count > 0) {
          return new Prefill(0, count);
        }
      }
    } catch (NumberFormatException e) {
      // Falls through to the one message below.
    }
    throw new TurboEsmException(
        "prefill \""
            + text
            + "\" is neither a fraction like 0.5 (0.0 to 1.0) nor a count of tokens like 128");
  }

  /** What {@link #parse} would read: a fraction with a point, or a count. */
  public String label() {
    return count > 0 ? String.valueOf(count) : String.valueOf(fraction);
  }

  /** Tokens prefilled of a protein of {@code length} tokens: at least one, at most all. */
  public int tokens(int length) {
    int wanted = count > 0 ? count : (int) Math.ceil(fraction * length);
    return Math.max(1, Math.min(length, wanted));
  }
}
