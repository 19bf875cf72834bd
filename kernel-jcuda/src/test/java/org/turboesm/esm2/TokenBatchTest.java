package org.turboesm.esm2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.turboesm.TurboEsmException;

class TokenBatchTest {
  private static final int MASK = EsmTokenizer.MASK;

  @Test
  void proteinsStandBackToBack() {
    TokenBatch batch = TokenBatch.of(List.of(new int[] {0, 5, 2}, new int[] {0, 2}));

    assertThat(batch.tokens()).containsExactly(0, 5, 2, 0, 2);
    assertThat(batch.cuSeqlens()).containsExactly(0, 3, 5);
    assertThat(batch.sequences()).isEqualTo(2);
    assertThat(batch.size()).isEqualTo(5);
    assertThat(batch.length(0)).isEqualTo(3);
    assertThat(batch.length(1)).isEqualTo(2);
  }

  @Test
  void wholeProteinsStartAtPositionZero() {
    assertThat(TokenBatch.of(List.of(new int[] {0, 2}, new int[] {0, 2})).firstPositions())
        .containsExactly(0, 0);
  }

  @Test
  void maskedFractionCountsMasksAmongAllTokensOfTheProtein() {
    TokenBatch batch =
        TokenBatch.of(List.of(new int[] {0, MASK, 5, 2}, new int[] {0, MASK, MASK, MASK, 2}));

    assertThat(batch.maskedFractions()).containsExactly(0.25f, 0.6f);
  }

  @Test
  void proteinOfMasksAloneIsRefused() {
    assertThatThrownBy(() -> TokenBatch.maskedFraction(new int[] {MASK, MASK}))
        .isInstanceOf(TurboEsmException.class)
        .hasMessage("a protein of 2 tokens is masked as a whole");
  }

  @Test
  void batchOfNothingIsRefused() {
    assertThatThrownBy(() -> TokenBatch.of(List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a batch needs at least one protein");
  }

  @Test
  void proteinWithoutTokensIsRefused() {
    assertThatThrownBy(() -> TokenBatch.of(List.of(new int[] {0, 2}, new int[0])))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a protein without tokens");
  }

  @Test
  void emptySequenceIsRefused() {
    assertThatThrownBy(
            () -> new TokenBatch(new int[2], new int[] {0, 2, 2}, new int[2], new float[2]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("sequence 1 is empty");
  }

  @Test
  void sequencesStartAtZero() {
    assertThatThrownBy(() -> new TokenBatch(new int[2], new int[] {1, 2}, new int[1], new float[1]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("cuSeqlens must start with 0");
    assertThatThrownBy(() -> new TokenBatch(new int[0], new int[0], new int[0], new float[0]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("cuSeqlens must start with 0");
  }

  @Test
  void partsOfDifferentSizesAreRefused() {
    int[] cuSeqlens = {0, 2};

    assertThatThrownBy(() -> new TokenBatch(new int[3], cuSeqlens, new int[1], new float[1]))
        .hasMessage("the parts of the batch differ in size");
    assertThatThrownBy(() -> new TokenBatch(new int[2], cuSeqlens, new int[2], new float[1]))
        .hasMessage("the parts of the batch differ in size");
    assertThatThrownBy(() -> new TokenBatch(new int[2], cuSeqlens, new int[1], new float[2]))
        .hasMessage("the parts of the batch differ in size");
  }
}
