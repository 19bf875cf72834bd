package org.turboesm.fidelity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.turboesm.esm2.EsmTokenizer;

class PseudoPerplexityTest {
  @Test
  void everySeventhResidueIsMaskedFromTheFirstOn() {
    int[] tokens = EsmTokenizer.tokenize("LAGVSERTIDPKQNF");
    int[] masked = PseudoPerplexity.masked(tokens);
    for (int t = 0; t < tokens.length; t++) {
      boolean expected = t == 1 || t == 8 || t == 15;
      assertThat(masked[t]).as("token %d", t).isEqualTo(expected ? EsmTokenizer.MASK : tokens[t]);
      assertThat(PseudoPerplexity.isMasked(t, tokens.length)).isEqualTo(expected);
    }
  }

  @Test
  void theEndIsNeverMasked() {
    assertThat(PseudoPerplexity.isMasked(8, 9)).isFalse();
    assertThat(PseudoPerplexity.isMasked(8, 10)).isTrue();
  }

  @Test
  void aProteinOfOneResidueKeepsItsEnds() {
    assertThat(PseudoPerplexity.masked(EsmTokenizer.tokenize("M")))
        .containsExactly(EsmTokenizer.CLS, EsmTokenizer.MASK, EsmTokenizer.EOS);
  }

  @Test
  void evenLogitsHaveThePerplexityOfTheVocabulary() {
    PseudoPerplexity perplexity = new PseudoPerplexity();
    perplexity.add(new float[66], 1, 33, 5);
    assertThat(perplexity.value()).isCloseTo(33, within(1e-9));
  }

  @Test
  void withoutResiduesThereIsNoValue() {
    assertThat(new PseudoPerplexity().value()).isNaN();
  }
}
