package org.turboesm.esm2;

import java.util.Arrays;

/** ESM-2's vocabulary: one token a residue, {@code <cls>} before and {@code <eos>} after. */
public final class EsmTokenizer {
  public static final int CLS = 0;
  public static final int PAD = 1;
  public static final int EOS = 2;
  public static final int UNKNOWN = 3;
  public static final int MASK = 32;
  public static final int VOCABULARY_SIZE = 33;

  /** The first and last token that stands for a residue (L to O; '.' and '-' are gaps). */
  public static final int FIRST_RESIDUE = 4;

  public static final int LAST_RESIDUE = 28;

  private static final String SYMBOLS = "LAGVSERTIDPKQNFYMHWCXBUZO.-";
  private static final int[] TOKEN_OF_CHARACTER = new int[128];

  static {
    Arrays.fill(TOKEN_OF_CHARACTER, UNKNOWN);
    for (int i = 0; i < SYMBOLS.length(); i++) {
      TOKEN_OF_CHARACTER[SYMBOLS.charAt(i)] = FIRST_RESIDUE + i;
    }
  }

  private EsmTokenizer() {}

  /**
   * Tokens of {@code <cls> residues <eos>}.
   *
   * @param residues upper-case one-letter codes; a character outside the vocabulary becomes {@code
   *     <unk>}
   * @return [residues + 2]
   */
  public static int[] tokenize(String residues) {
    int[] tokens = new int[residues.length() + 2];
    tokens[0] = CLS;
    for (int i = 0; i < residues.length(); i++) {
      tokens[i + 1] = token(residues.charAt(i));
    }
    tokens[residues.length() + 1] = EOS;
    return tokens;
  }

  /** The token of one upper-case residue, or {@link #UNKNOWN}. */
  public static int token(char residue) {
    return residue < 128 ? TOKEN_OF_CHARACTER[residue] : UNKNOWN;
  }

  /** Whether the character is one of the 25 residue codes of the vocabulary, X, B, U, Z, O too. */
  public static boolean isResidue(char character) {
    int token = token(character);
    return token >= FIRST_RESIDUE && token <= LAST_RESIDUE;
  }
}
