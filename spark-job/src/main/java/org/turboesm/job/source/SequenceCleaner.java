package org.turboesm.job.source;

import org.turboesm.esm2.EsmTokenizer;

/**
 * Makes a sequence one of ESM-2's residues.
 *
 * <ul>
 *   <li>Letters become upper-case.
 *   <li>Whitespace and gaps ({@code -} and {@code .}) are dropped, and one {@code *} at the end.
 *   <li>U, O, B, Z and X are in the vocabulary and stay; they are not counted as nonstandard.
 *   <li>Another ASCII letter (J alone is left) becomes X and is counted as nonstandard.
 *   <li>Anything else rejects the sequence, as does a {@code *} that residues follow.
 * </ul>
 */
final class SequenceCleaner {
  private static final char STOP = '*';

  private SequenceCleaner() {}

  static CleanedSequence clean(String raw) {
    char[] residues = new char[raw.length()];
    int length = 0;
    int nonstandard = 0;
    int position = 0;
    int stop = 0;
    for (int i = 0; i < raw.length(); i++) {
      char character = upperCase(raw.charAt(i));
      if (Character.isWhitespace(character)) {
        continue;
      }
      position++;
      if (character == '-' || character == '.') {
        continue;
      }
      if (stop > 0) {
        return illegal(raw, STOP, stop);
      }
      if (character == STOP) {
        stop = position;
      } else if (EsmTokenizer.isResidue(character)) {
        residues[length++] = character;
      } else if (character >= 'A' && character <= 'Z') {
        residues[length++] = 'X';
        nonstandard++;
      } else {
        return illegal(raw, raw.codePointAt(i), position);
      }
    }
    return length == 0
        ? new CleanedSequence.Rejected(RejectCode.EMPTY_RECORD, "no residue follows the id")
        : new CleanedSequence.Residues(new String(residues, 0, length), nonstandard);
  }

  /** Of ASCII letters alone: others must not become ASCII, as the dotless i would. */
  private static char upperCase(char character) {
    return character >= 'a' && character <= 'z' ? (char) (character - 'a' + 'A') : character;
  }

  /**
   * @param position from 1, whitespace not counted, so that it does not depend on how lines break
   */
  private static CleanedSequence.Rejected illegal(String raw, int character, int position) {
    String shown =
        Character.isISOControl(character) ? "" : "'" + Character.toString(character) + "' ";
    return new CleanedSequence.Rejected(
        RejectCode.ILLEGAL_CHARACTER,
        String.format(
            "%s(U+%04X) at position %d of %d of the sequence",
            shown,
            character,
            position,
            raw.chars().filter(c -> !Character.isWhitespace(c)).count()));
  }
}
