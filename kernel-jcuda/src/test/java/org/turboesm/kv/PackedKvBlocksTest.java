package org.turboesm.kv;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.attention.reference.ReferenceAttentionKernels;

class PackedKvBlocksTest {
  private static final int[] HEAD_DIMS = {16, 24, 32, 64, 128};
  private static final BlockPacker PACKER = new ReferenceAttentionKernels();

  static IntStream lengths() {
    return IntStream.concat(IntStream.rangeClosed(1, 100), IntStream.of(1022));
  }

  @ParameterizedTest
  @MethodSource("lengths")
  void everyTokenReadsBackAsItsCentroids(int length) {
    for (int headDim : HEAD_DIMS) {
      Tokens tokens = new Tokens(headDim, length);
      PackedKvBlocks blocks = new PackedKvBlocks(tokens.codec, 0, false);
      tokens.appendOneByOne(blocks, 0, length);

      int offset = 0;
      for (int c = 0; c < headDim; c++) {
        tokens.assertChannel(blocks, tokens.codec.keyCodebook(), c, offset, tokens.keys);
        offset += tokens.codec.keyCodebook().bits(c);
      }
      assertThat(offset).isEqualTo(blocks.layout().valueWordsOffset());
      for (int c = 0; c < headDim; c++) {
        tokens.assertChannel(blocks, tokens.codec.valueCodebook(), c, offset, tokens.values);
        offset += tokens.codec.valueCodebook().bits(c);
      }
      assertThat(offset).isEqualTo(blocks.layout().wordsPerBlock());
    }
  }

  @ParameterizedTest
  @MethodSource("lengths")
  void tokenScaledValuesAreCodedInUnitsOfTheirScale(int length) {
    for (int headDim : HEAD_DIMS) {
      Tokens tokens = new Tokens(headDim, length).tokenScaled();
      PackedKvBlocks oneByOne = new PackedKvBlocks(tokens.codec, 0, false);
      PackedKvBlocks inBlocks = new PackedKvBlocks(tokens.codec, 0, false);
      tokens.appendOneByOne(oneByOne, 0, length);
      tokens.appendBlocks(inBlocks);

      tokens.assertScaled(oneByOne);
      tokens.assertScaled(inBlocks);
      assertThat(oneByOne.words()).as("headDim %d", headDim).containsExactly(inBlocks.words());
    }
  }

  @Test
  void scalesComeWithThePackedBlockNotWithTheTail() {
    Tokens tokens = new Tokens(24, 320).tokenScaled();
    PackedKvBlocks withTail = new PackedKvBlocks(tokens.codec, 1, true);

    for (int t = 0; t < 320; t++) {
      tokens.appendOneByOne(withTail, t, t + 1);

      tokens.assertScaled(withTail);
      if (t % 32 != 31) {
        assertThat(withTail.tail().values()[t % 32]).isEqualTo(tokens.values[t * 24]);
      }
    }
  }

  @Test
  void aTokenOfZerosReadsBackAsZeros() {
    Tokens tokens = new Tokens(16, 40).tokenScaled();
    Arrays.fill(tokens.values, 7 * 16, 8 * 16, 0);
    Arrays.fill(tokens.values, 35 * 16, 36 * 16, -0f);
    PackedKvBlocks oneByOne = new PackedKvBlocks(tokens.codec, 0, false);
    PackedKvBlocks inBlocks = new PackedKvBlocks(tokens.codec, 0, false);
    tokens.appendOneByOne(oneByOne, 0, 40);
    tokens.appendBlocks(inBlocks);

    tokens.assertScaled(oneByOne);
    tokens.assertScaled(inBlocks);
    assertThat(oneByOne.valueScale(7)).isZero();
    assertThat(oneByOne.valueScale(35)).isZero();
    assertThat(oneByOne.valueScale(36)).isPositive();
  }

  @Test
  void aBlockMayHoldAnythingBeyondItsTokens() {
    Tokens tokens = new Tokens(16, 5).tokenScaled();
    PackedKvBlocks blocks = new PackedKvBlocks(tokens.codec, 0, false);
    float[] keys = new float[16 * 32];
    float[] values = new float[16 * 32];
    ChannelMajor.gather(tokens.keys, 0, 5, 1, 0, 16, keys);
    ChannelMajor.gather(tokens.values, 0, 5, 1, 0, 16, values);
    for (int c = 0; c < 16; c++) {
      Arrays.fill(values, c * 32 + 5, c * 32 + 32, Float.NaN);
    }
    float[] unchanged = values.clone();

    blocks.appendBlock(keys, values, 5, PACKER);

    tokens.assertScaled(blocks);
    assertThat(values).containsExactly(unchanged);
  }

  @Test
  void aNanMakesItsTokensScaleOne() {
    Tokens tokens = new Tokens(16, 40).tokenScaled();
    tokens.values[16 * 3 + 5] = Float.NaN;
    PackedKvBlocks oneByOne = new PackedKvBlocks(tokens.codec, 0, false);
    PackedKvBlocks inBlocks = new PackedKvBlocks(tokens.codec, 0, false);

    tokens.appendOneByOne(oneByOne, 0, 40);
    tokens.appendBlocks(inBlocks);

    assertThat(oneByOne.valueScale(3)).isNaN();
    assertThat(inBlocks.valueScale(3)).isNaN();
    assertThat(inBlocks.valueScale(4)).isEqualTo(TokenScale.of(tokens.values, 4 * 16, 16));
  }

  @Test
  void codecWithoutScalesHasNone() {
    PackedKvBlocks blocks = new PackedKvBlocks(new Tokens(16, 1).codec, 1, false);

    assertThat(blocks.valueScales()).isNull();
    assertThat(blocks.valueScale(0)).isEqualTo(1);
  }

  @ParameterizedTest
  @MethodSource("lengths")
  void withoutTailAppendingOneByOneEqualsAppendingBlocks(int length) {
    for (int headDim : HEAD_DIMS) {
      Tokens tokens = new Tokens(headDim, length);
      PackedKvBlocks oneByOne = new PackedKvBlocks(tokens.codec, length, false);
      PackedKvBlocks inBlocks = new PackedKvBlocks(tokens.codec, length, false);

      tokens.appendOneByOne(oneByOne, 0, length);
      tokens.appendBlocks(inBlocks);

      assertThat(oneByOne.length()).isEqualTo(length).isEqualTo(inBlocks.length());
      assertThat(oneByOne.words()).as("headDim %d", headDim).containsExactly(inBlocks.words());
    }
  }

  @Test
  void tailIsPackedExactlyWhenTheThirtySecondTokenArrives() {
    Tokens tokens = new Tokens(24, 70);
    PackedKvBlocks blocks = new PackedKvBlocks(tokens.codec, 70, true);

    for (int t = 0; t < 70; t++) {
      tokens.appendOneByOne(blocks, t, t + 1);

      assertThat(blocks.packedLength()).as("%d tokens", t + 1).isEqualTo((t + 1) / 32 * 32);
      assertThat(blocks.tail().length()).as("%d tokens", t + 1).isEqualTo((t + 1) % 32);
      assertThat(blocks.length()).isEqualTo(t + 1);
    }
  }

  @Test
  void blocksPackedFromTheTailEqualThoseWithoutTail() {
    Tokens tokens = new Tokens(64, 96);
    PackedKvBlocks withTail = new PackedKvBlocks(tokens.codec, 96, true);
    PackedKvBlocks without = new PackedKvBlocks(tokens.codec, 96, false);

    tokens.appendOneByOne(withTail, 0, 96);
    tokens.appendOneByOne(without, 0, 96);

    assertThat(withTail.words()).containsExactly(without.words());
  }

  @Test
  void tailHoldsItsTokensUnchanged() {
    Tokens tokens = new Tokens(16, 40);
    PackedKvBlocks blocks = new PackedKvBlocks(tokens.codec, 40, true);

    tokens.appendOneByOne(blocks, 0, 40);

    for (int t = 32; t < 40; t++) {
      for (int c = 0; c < 16; c++) {
        assertThat(blocks.tail().keys()[c * 32 + t - 32]).isEqualTo(tokens.keys[t * 16 + c]);
        assertThat(blocks.tail().values()[c * 32 + t - 32]).isEqualTo(tokens.values[t * 16 + c]);
      }
    }
  }

  @Test
  void codecWithoutTailHasNone() {
    assertThat(new PackedKvBlocks(new Tokens(16, 1).codec, 1, false).tail()).isNull();
  }

  @Test
  void bytesArePackedBlocksAndTheTailsFloats() {
    Tokens tokens = new Tokens(24, 70);
    PackedKvBlocks blocks = new PackedKvBlocks(tokens.codec, 0, true);
    long blockBytes = 4L * blocks.layout().wordsPerBlock();

    for (int t = 0; t < 70; t++) {
      tokens.appendOneByOne(blocks, t, t + 1);

      long tailBytes = 2L * ((t + 1) % 32) * 24 * 4;
      assertThat(blocks.bytes())
          .as("%d tokens", t + 1)
          .isEqualTo((t + 1) / 32 * blockBytes + tailBytes);
    }
  }

  @Test
  void bytesCountAScaleForEverySlotOfABlockAndNoneForTheTail() {
    Tokens tokens = new Tokens(24, 70).tokenScaled();
    PackedKvBlocks withTail = new PackedKvBlocks(tokens.codec, 0, true);
    PackedKvBlocks without = new PackedKvBlocks(tokens.codec, 0, false);
    long blockBytes = 4L * withTail.layout().wordsPerBlock() + 32 * 2;

    for (int t = 0; t < 70; t++) {
      tokens.appendOneByOne(withTail, t, t + 1);
      tokens.appendOneByOne(without, t, t + 1);

      long tailBytes = 2L * ((t + 1) % 32) * 24 * 4;
      assertThat(withTail.bytes())
          .as("%d tokens", t + 1)
          .isEqualTo((t + 1) / 32 * blockBytes + tailBytes);
      assertThat(without.bytes()).as("%d tokens", t + 1).isEqualTo((t / 32 + 1) * blockBytes);
    }
  }

  @Test
  void withoutTailBytesCountAPartlyFilledBlockInFull() {
    Tokens tokens = new Tokens(24, 33);
    PackedKvBlocks blocks = new PackedKvBlocks(tokens.codec, 1000, false);

    tokens.appendOneByOne(blocks, 0, 33);

    assertThat(blocks.bytes()).isEqualTo(2 * 4L * blocks.layout().wordsPerBlock());
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void growsBeyondItsCapacity(boolean withTail) {
    Tokens tokens = new Tokens(32, 320);
    PackedKvBlocks small = new PackedKvBlocks(tokens.codec, 1, withTail);
    PackedKvBlocks ample = new PackedKvBlocks(tokens.codec, 320, withTail);

    tokens.appendOneByOne(small, 0, 320);
    tokens.appendOneByOne(ample, 0, 320);

    assertThat(Arrays.copyOf(small.words(), ample.words().length)).containsExactly(ample.words());
  }

  @Test
  void codecOfNoBitsTakesNoBytes() {
    Tokens tokens = new Tokens(16, 40);
    HeadCodec codec = RandomCodec.identity(16);
    PackedKvBlocks blocks = new PackedKvBlocks(codec, 0, false);

    tokens.appendOneByOne(blocks, 0, 40);

    assertThat(blocks.length()).isEqualTo(40);
    assertThat(blocks.bytes()).isZero();
  }

  @Test
  void noBlockFollowsAPartlyFilledOne() {
    Tokens tokens = new Tokens(16, 5);
    PackedKvBlocks blocks = new PackedKvBlocks(tokens.codec, 5, false);
    tokens.appendBlocks(blocks);

    assertThatThrownBy(() -> tokens.appendBlocks(blocks))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the last block is partly filled");
  }

  /** Random tokens of one head, [length, headDim], with a codec of mixed widths. */
  private static final class Tokens {
    private final int headDim;
    private final int length;
    private final HeadCodec codec;
    private final float[] keys;
    private final float[] values;

    private Tokens(Tokens tokens, HeadCodec codec, float[] values) {
      this.headDim = tokens.headDim;
      this.length = tokens.length;
      this.codec = codec;
      this.keys = tokens.keys;
      this.values = values;
    }

    /** The same tokens with values of very different magnitudes, and a scale for each. */
    Tokens tokenScaled() {
      float[] scaled = values.clone();
      for (int i = 0; i < scaled.length; i++) {
        scaled[i] = Math.scalb(scaled[i], i / headDim % 41 - 20);
      }
      return new Tokens(this, RandomCodec.withTokenScales(codec), scaled);
    }

    /** The packed tokens' scales, and the codes of their values divided by them. */
    void assertScaled(PackedKvBlocks blocks) {
      float[] divided = values.clone();
      for (int t = 0; t < blocks.packedLength(); t++) {
        float scale = TokenScale.of(values, t * headDim, headDim);
        assertThat(blocks.valueScale(t)).as("headDim %d, token %d", headDim, t).isEqualTo(scale);
        assertThat(Float.intBitsToFloat(blocks.valueScales()[t] << 16)).isEqualTo(scale);
        for (int c = 0; c < headDim; c++) {
          divided[t * headDim + c] /= scale == 0 ? 1 : scale;
          assertThat(Math.abs(divided[t * headDim + c])).isLessThanOrEqualTo(1);
        }
      }
      assertThat(blocks.valueScales().length)
          .isGreaterThanOrEqualTo((PackedKvLayout.blocks(blocks.packedLength()) + 1) * 32);
      int offset = blocks.layout().valueWordsOffset();
      for (int c = 0; c < headDim; c++) {
        assertChannel(blocks, codec.valueCodebook(), c, offset, divided);
        offset += codec.valueCodebook().bits(c);
      }
    }

    Tokens(int headDim, int length) {
      SplittableRandom random = new SplittableRandom(1000L * headDim + length);
      this.headDim = headDim;
      this.length = length;
      this.codec =
          RandomCodec.withTables(
              RandomCodec.identity(headDim),
              RandomCodec.codebook(random, RandomCodec.bits(random, headDim)),
              RandomCodec.codebook(random, RandomCodec.bits(random, headDim)));
      this.keys = RandomCodec.floats(random, length * headDim);
      this.values = RandomCodec.floats(random, length * headDim);
    }

    void appendOneByOne(PackedKvBlocks blocks, int from, int to) {
      for (int t = from; t < to; t++) {
        blocks.append(keys, t * headDim, values, t * headDim, PACKER);
      }
    }

    void appendBlocks(PackedKvBlocks blocks) {
      float[] keyBlock = new float[headDim * 32];
      float[] valueBlock = new float[headDim * 32];
      for (int t = 0; t < length; t += 32) {
        int count = Math.min(32, length - t);
        ChannelMajor.gather(keys, t, count, 1, 0, headDim, keyBlock);
        ChannelMajor.gather(values, t, count, 1, 0, headDim, valueBlock);
        blocks.appendBlock(keyBlock, valueBlock, count, PACKER);
      }
    }

    void assertChannel(
        PackedKvBlocks blocks, Codebook codebook, int channel, int offset, float[] x) {
      for (int t = 0; t < blocks.packedLength(); t++) {
        int block = t / 32 * blocks.layout().wordsPerBlock();
        int code = BitPlanes.code(blocks.words(), block + offset, codebook.bits(channel), t % 32);
        if (code != codebook.code(channel, x[t * headDim + channel])) {
          throw new AssertionError(
              "headDim %d, token %d, channel %d: code %d".formatted(headDim, t, channel, code));
        }
      }
    }
  }
}
