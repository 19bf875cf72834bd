package org.turboesm.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.turboesm.esm2.TokenBatch;

class PoolingTest {
  /** Two proteins of four and three tokens, two channels: token t is (t, 10 t). */
  private final float[] hidden = {0, 0, 1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60};

  @Test
  void meansAreOfEachProteinOfABatch() {
    TokenBatch batch = TokenBatch.of(List.of(new int[4], new int[3]));
    assertThat(Pooling.means(hidden, batch)).containsExactly(1.5f, 15f, 5f, 50f);
  }

  @Test
  void theMeanLeavesOutBothEnds() {
    assertThat(Pooling.mean(hidden, 0, 4, 2)).containsExactly(1.5f, 15f);
    assertThat(Pooling.mean(hidden, 4, 3, 2)).containsExactly(5f, 50f);
  }

  @Test
  void clsIsTheFirstToken() {
    assertThat(Pooling.cls(hidden, 4, 3, 2)).containsExactly(4f, 40f);
  }

  @Test
  void residuesAreAllBetweenTheEnds() {
    assertThat(Pooling.residues(hidden, 0, 4, 2)).isDeepEqualTo(new float[][] {{1, 10}, {2, 20}});
  }
}
