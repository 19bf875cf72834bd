package org.turboesm.kv;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ChannelMajorTest {
  private static final int HEADS = 3;
  private static final int TOKENS = 70;

  @ParameterizedTest
  @ValueSource(ints = {16, 24, 32, 64, 128})
  void everyHeadOfEveryTokenComesBack(int headDim) {
    float[] x = RandomCodec.floats(new SplittableRandom(headDim), TOKENS * HEADS * headDim);
    float[] back = new float[x.length];
    float[] block = new float[headDim * 32];

    for (int h = 0; h < HEADS; h++) {
      for (int t = 0; t < TOKENS; t += 32) {
        int count = Math.min(32, TOKENS - t);
        ChannelMajor.gather(x, t, count, HEADS, h, headDim, block);
        ChannelMajor.scatter(block, t, count, HEADS, h, headDim, back);
      }
    }

    assertThat(back).containsExactly(x);
  }

  @Test
  void channelsOfABlockAreRowsAndTokensAreLanes() {
    int headDim = 16;
    float[] x = RandomCodec.floats(new SplittableRandom(1), TOKENS * HEADS * headDim);
    float[] block = new float[headDim * 32];

    ChannelMajor.gather(x, 32, 32, HEADS, 1, headDim, block);

    assertThat(block[5 * 32 + 7]).isEqualTo(x[((32 + 7) * HEADS + 1) * headDim + 5]);
  }

  @Test
  void lanesOfMissingTokensBecomeZero() {
    float[] x = RandomCodec.floats(new SplittableRandom(2), 5 * 16);
    float[] block = new float[16 * 32];
    Arrays.fill(block, Float.NaN);

    ChannelMajor.gather(x, 0, 5, 1, 0, 16, block);

    for (int c = 0; c < 16; c++) {
      assertThat(Arrays.copyOfRange(block, c * 32 + 5, c * 32 + 32)).containsOnly(0f);
    }
  }

  @Test
  void scatteringLeavesOtherHeadsAndTokensAlone() {
    float[] x = new float[3 * HEADS * 16];
    float[] block = new float[16 * 32];
    Arrays.fill(block, 1f);

    ChannelMajor.scatter(block, 1, 1, HEADS, 2, 16, x);

    for (int t = 0; t < 3; t++) {
      for (int h = 0; h < HEADS; h++) {
        int offset = (t * HEADS + h) * 16;
        assertThat(Arrays.copyOfRange(x, offset, offset + 16))
            .as("token %d, head %d", t, h)
            .containsOnly(t == 1 && h == 2 ? 1f : 0f);
      }
    }
  }
}
