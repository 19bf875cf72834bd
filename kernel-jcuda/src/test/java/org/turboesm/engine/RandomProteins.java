package org.turboesm.engine;

import java.util.SplittableRandom;
import org.turboesm.esm2.EsmTokenizer;

/** Proteins of the twenty common residues. */
public final class RandomProteins {
  private static final String RESIDUES = "LAGVSERTIDPKQNFYMHWC";

  private RandomProteins() {}

  /**
   * A protein as the model takes it.
   *
   * @param length tokens, {@code <cls>} and {@code <eos>} among them
   */
  public static int[] tokens(SplittableRandom random, int length) {
    StringBuilder residues = new StringBuilder();
    for (int i = 0; i < length - 2; i++) {
      residues.append(RESIDUES.charAt(random.nextInt(RESIDUES.length())));
    }
    return EsmTokenizer.tokenize(residues.toString());
  }
}
