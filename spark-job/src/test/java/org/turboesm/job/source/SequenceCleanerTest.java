package org.turboesm.job.source;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.CharRange;
import net.jqwik.api.constraints.Chars;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.esm2.EsmTokenizer;

class SequenceCleanerTest {
  private static final String VOCABULARY = "LAGVSERTIDPKQNFYMHWCXBUZO";

  @Test
  void theVocabularyStaysAndIsNotCounted() {
    assertThat(SequenceCleaner.clean(VOCABULARY)).isEqualTo(residues(VOCABULARY, 0));
  }

  @ParameterizedTest
  @CsvSource({"acdXy, ACDXY, 0", "AJC, AXC, 1", "jJ, XX, 2", "uobzx, UOBZX, 0"})
  void lettersBecomeResidues(String raw, String expected, int nonstandard) {
    assertThat(SequenceCleaner.clean(raw)).isEqualTo(residues(expected, nonstandard));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ACD*",
        "ACD*\n",
        "ACD\n*\n",
        "AC-D.",
        "--A.CD*--",
        " A\tC\r\nD \r\n",
        "A C\u2003D",
        "acd"
      })
  void whitespaceGapsAndTheStopAreDropped(String raw) {
    assertThat(SequenceCleaner.clean(raw)).isEqualTo(residues("ACD", 0));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " \r\n", "*", "-.-", "--*"})
  void nothingLeftIsAnEmptyRecord(String raw) {
    assertThat(SequenceCleaner.clean(raw))
        .isInstanceOfSatisfying(
            CleanedSequence.Rejected.class,
            rejected -> assertThat(rejected.code()).isEqualTo(RejectCode.EMPTY_RECORD));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "AC7D | '7' (U+0037) at position 3 of 4 of the sequence",
        "A*CD | '*' (U+002A) at position 2 of 4 of the sequence",
        "ACD** | '*' (U+002A) at position 4 of 5 of the sequence",
        "A>C | '>' (U+003E) at position 2 of 3 of the sequence",
        "AéC | 'é' (U+00E9) at position 2 of 3 of the sequence",
        "AıC | 'ı' (U+0131) at position 2 of 3 of the sequence",
      })
  void otherCharactersReject(String raw, String detail) {
    assertThat(SequenceCleaner.clean(raw))
        .isEqualTo(new CleanedSequence.Rejected(RejectCode.ILLEGAL_CHARACTER, detail));
  }

  @Test
  void thePositionDoesNotDependOnLineBreaks() {
    assertThat(SequenceCleaner.clean("A-C\r\nD 7\nEF"))
        .isEqualTo(SequenceCleaner.clean("A-CD7EF"))
        .hasFieldOrPropertyWithValue("detail", "'7' (U+0037) at position 5 of 7 of the sequence");
  }

  @Test
  void aCharacterOutsideTheBasicPlaneIsShownWhole() {
    assertThat(SequenceCleaner.clean("A\uD83E\uDDEC"))
        .extracting("detail")
        .asString()
        .contains("U+1F9EC", "position 2");
  }

  @Test
  void aControlCharacterIsNotPrinted() {
    assertThat(SequenceCleaner.clean("A\u0007"))
        .hasFieldOrPropertyWithValue("detail", "(U+0007) at position 2 of 2 of the sequence");
  }

  @Property
  void lettersAreNeverRejectedAndCleaningAgainChangesNothing(
      @ForAll
          @CharRange(from = 'a', to = 'z')
          @CharRange(from = 'A', to = 'Z')
          @Chars({' ', '\n', '\r', '-', '.'})
          String raw) {
    if (SequenceCleaner.clean(raw) instanceof CleanedSequence.Residues sequence) {
      assertThat(sequence.residues().chars().allMatch(c -> EsmTokenizer.isResidue((char) c)))
          .isTrue();
      assertThat(SequenceCleaner.clean(sequence.residues()))
          .isEqualTo(residues(sequence.residues(), 0));
    } else {
      assertThat(raw).doesNotContainPattern("[a-zA-Z]");
    }
  }

  private static CleanedSequence residues(String residues, int nonstandard) {
    return new CleanedSequence.Residues(residues, nonstandard);
  }
}
