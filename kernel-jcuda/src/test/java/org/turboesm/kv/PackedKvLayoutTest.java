package org.turboesm.kv;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PackedKvLayoutTest {

  @Test
  void threeBitsWithSignAndThreeBitsAreFiftySixBytesATokenAndHeadOfSixtyFour() {
    PackedKvLayout layout =
        new PackedKvLayout(
            RandomCodec.uniformBits(64, 3 + 1), RandomCodec.uniformBits(64, 3), false);

    assertThat(layout.packedBytes(32)).isEqualTo(32L * 56);
  }

  @ParameterizedTest
  @CsvSource({"16,12", "24,18", "32,24", "64,48", "128,96"})
  void threeBitsEachAreThreeQuartersOfAByteAChannel(int headDim, int bytes) {
    PackedKvLayout layout =
        new PackedKvLayout(
            RandomCodec.uniformBits(headDim, 3), RandomCodec.uniformBits(headDim, 3), false);

    assertThat(layout.packedBitsPerToken()).isEqualTo(bytes * 8);
    assertThat(layout.packedBytes(1024)).isEqualTo(1024L * bytes);
  }

  @ParameterizedTest
  @ValueSource(ints = {16, 24, 32, 64, 128})
  void bytesAreTheBitsOfAllChannelsTimesFullBlocks(int headDim) {
    SplittableRandom random = new SplittableRandom(headDim);
    int[] keyBits = RandomCodec.bits(random, headDim);
    int[] valueBits = RandomCodec.bits(random, headDim);
    PackedKvLayout layout = new PackedKvLayout(keyBits, valueBits, false);
    long bits = Arrays.stream(keyBits).sum() + Arrays.stream(valueBits).sum();

    for (int tokens = 0; tokens <= 100; tokens++) {
      long blocks = (long) Math.ceil(tokens / 32.0);
      assertThat(layout.packedBytes(tokens))
          .as("%d tokens", tokens)
          .isEqualTo(blocks * 32 * bits / 8);
    }
  }

  @Test
  void aScaleOfATokensValuesTakesSixteenBitsAndNoWordOfABlock() {
    int[] bits = RandomCodec.uniformBits(24, 4);
    PackedKvLayout plain = new PackedKvLayout(bits, bits, false);
    PackedKvLayout scaled = new PackedKvLayout(bits, bits, true);

    assertThat(scaled.packedBitsPerToken()).isEqualTo(2 * 24 * 4 + 16);
    assertThat(scaled.packedBytes(33)).isEqualTo(64 * (2 * 24 * 4 + 16) / 8);
    assertThat(scaled.wordsPerBlock()).isEqualTo(plain.wordsPerBlock());
    assertThat(scaled.valueWordsOffset()).isEqualTo(plain.valueWordsOffset());
  }

  @Test
  void valuePlanesFollowTheKeyPlanes() {
    PackedKvLayout layout = new PackedKvLayout(new int[] {3, 0, 8}, new int[] {1, 2, 5}, false);

    assertThat(layout.valueWordsOffset()).isEqualTo(11);
    assertThat(layout.wordsPerBlock()).isEqualTo(19);
  }

  @Test
  void bytesOfAVeryLongCacheDoNotOverflow() {
    PackedKvLayout layout =
        new PackedKvLayout(RandomCodec.uniformBits(128, 8), RandomCodec.uniformBits(128, 8), false);

    assertThat(layout.packedBytes(1 << 30)).isEqualTo((1L << 30) * 256);
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 9})
  void otherWidthsAreRefused(int width) {
    assertThatThrownBy(() -> new PackedKvLayout(new int[] {width}, new int[] {3}, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("code of " + width + " bits");
    assertThatThrownBy(() -> new PackedKvLayout(new int[] {3}, new int[] {width}, false))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void keysAndValuesHaveTheSameNumberOfChannels() {
    assertThatThrownBy(() -> new PackedKvLayout(new int[16], new int[24], false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("headDim");
  }
}
