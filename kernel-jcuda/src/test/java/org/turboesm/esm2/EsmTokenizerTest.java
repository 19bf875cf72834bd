package org.turboesm.esm2;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EsmTokenizerTest {
  /** ESM-2's vocab.txt, in order. */
  private static final String[] VOCABULARY =
      ("<cls> <pad> <eos> <unk> L A G V S E R T I D P K Q N F Y M H W C X B U Z O . -"
              + " <null_1> <mask>")
          .split(" ");

  @Test
  void vocabularyHasThirtyThreeTokens() {
    assertThat(EsmTokenizer.VOCABULARY_SIZE).isEqualTo(33).isEqualTo(VOCABULARY.length);
  }

  @Test
  void oneLetterTokensAreInTheOrderOfTheVocabulary() {
    int letters = 0;
    for (int id = 0; id < VOCABULARY.length; id++) {
      if (VOCABULARY[id].length() == 1) {
        assertThat(EsmTokenizer.token(VOCABULARY[id].charAt(0))).as(VOCABULARY[id]).isEqualTo(id);
        letters++;
      }
    }
    assertThat(letters).isEqualTo(27);
  }

  @Test
  void specialTokensAreWhereTheVocabularyHasThem() {
    assertThat(VOCABULARY[EsmTokenizer.CLS]).isEqualTo("<cls>");
    assertThat(VOCABULARY[EsmTokenizer.PAD]).isEqualTo("<pad>");
    assertThat(VOCABULARY[EsmTokenizer.EOS]).isEqualTo("<eos>");
    assertThat(VOCABULARY[EsmTokenizer.UNKNOWN]).isEqualTo("<unk>");
    assertThat(VOCABULARY[EsmTokenizer.MASK]).isEqualTo("<mask>");
  }

  @Test
  void residuesReachFromLToO() {
    assertThat(VOCABULARY[EsmTokenizer.FIRST_RESIDUE]).isEqualTo("L");
    assertThat(VOCABULARY[EsmTokenizer.LAST_RESIDUE]).isEqualTo("O");
  }

  @Test
  void everyOtherCharacterIsUnknown() {
    String known = String.join("", VOCABULARY).replaceAll("<[^>]*>", "");
    for (char c = 0; c < Character.MAX_VALUE; c++) {
      if (known.indexOf(c) < 0) {
        assertThat(EsmTokenizer.token(c)).as("character %d", (int) c).isEqualTo(3);
      }
    }
  }

  @Test
  void proteinStandsBetweenClsAndEos() {
    assertThat(EsmTokenizer.tokenize("LAGX")).containsExactly(0, 4, 5, 6, 24, 2);
  }

  @Test
  void emptyProteinIsClsAndEos() {
    assertThat(EsmTokenizer.tokenize("")).containsExactly(0, 2);
  }

  @ParameterizedTest
  @ValueSource(chars = {'J', 'l', '*', ' ', '1', 'É', '\u1234'})
  void characterOutsideTheVocabularyBecomesUnknown(char character) {
    assertThat(EsmTokenizer.tokenize("A" + character)).containsExactly(0, 5, 3, 2);
  }

  @Test
  void twentyFiveLettersAreResidues() {
    StringBuilder residues = new StringBuilder();
    for (char c = 0; c < Character.MAX_VALUE; c++) {
      if (EsmTokenizer.isResidue(c)) {
        residues.append(c);
      }
    }
    assertThat(residues).hasToString("ABCDEFGHIKLMNOPQRSTUVWXYZ");
  }
}
