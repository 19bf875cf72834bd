package org.turboesm.kv;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FullKvBlocksTest {
  private static final int HEAD_DIM = 24;

  @ParameterizedTest
  @CsvSource({"0,1", "0,100", "1,33", "32,32", "32,33", "33,200", "100,100"})
  void holdsEveryTokenWhateverTheRoomItBeganWith(int capacity, int tokens) {
    SplittableRandom random = new SplittableRandom(capacity + 1000L * tokens);
    float[] keys = RandomCodec.floats(random, tokens * HEAD_DIM);
    float[] values = RandomCodec.floats(random, tokens * HEAD_DIM);
    FullKvBlocks blocks = new FullKvBlocks(HEAD_DIM, capacity);

    append(blocks, keys, values, tokens);

    assertThat(blocks.length()).isEqualTo(tokens);
    for (int t = 0; t < tokens; t++) {
      for (int c = 0; c < HEAD_DIM; c++) {
        int lane = (t / 32 * HEAD_DIM + c) * 32 + t % 32;
        assertThat(blocks.keys()[lane]).isEqualTo(keys[t * HEAD_DIM + c]);
        assertThat(blocks.values()[lane]).isEqualTo(values[t * HEAD_DIM + c]);
      }
    }
  }

  @Test
  void aBlockIsWhatGatheringTheSameTokensGives() {
    float[] keys = RandomCodec.floats(new SplittableRandom(1), 32 * HEAD_DIM);
    FullKvBlocks blocks = new FullKvBlocks(HEAD_DIM, 32);
    float[] gathered = new float[HEAD_DIM * 32];

    append(blocks, keys, keys, 32);
    ChannelMajor.gather(keys, 0, 32, 1, 0, HEAD_DIM, gathered);

    assertThat(blocks.keys()).containsExactly(gathered);
  }

  @Test
  void afterClearingItFillsAnew() {
    float[] first = RandomCodec.floats(new SplittableRandom(2), 32 * HEAD_DIM);
    float[] second = RandomCodec.floats(new SplittableRandom(3), HEAD_DIM);
    FullKvBlocks blocks = new FullKvBlocks(HEAD_DIM, 32);
    append(blocks, first, first, 32);

    blocks.clear();
    append(blocks, second, second, 1);

    assertThat(blocks.length()).isEqualTo(1);
    assertThat(blocks.keys()).hasSize(32 * HEAD_DIM);
    assertThat(blocks.keys()[5 * 32]).isEqualTo(second[5]);
  }

  private static void append(FullKvBlocks blocks, float[] keys, float[] values, int tokens) {
    for (int t = 0; t < tokens; t++) {
      blocks.append(keys, t * HEAD_DIM, values, t * HEAD_DIM);
    }
  }
}
