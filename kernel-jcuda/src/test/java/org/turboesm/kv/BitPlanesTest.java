package org.turboesm.kv;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class BitPlanesTest {

  @Property(seed = "1", tries = 2000)
  void codesComeBackAsTheyWere(
      @ForAll @IntRange(max = 8) int bits,
      @ForAll @IntRange(max = 32) int tokens,
      @ForAll @IntRange(max = 5) int offset,
      @ForAll long seed) {
    int[] codes = randomCodes(seed, tokens, bits);
    int[] words = new int[offset + bits];

    BitPlanes.pack(codes, tokens, bits, words, offset);

    for (int t = 0; t < tokens; t++) {
      assertThat(BitPlanes.code(words, offset, bits, t)).as("token %d", t).isEqualTo(codes[t]);
    }
  }

  @Property(seed = "2", tries = 500)
  void missingTokensAreZero(
      @ForAll @IntRange(min = 1, max = 8) int bits,
      @ForAll @IntRange(max = 31) int tokens,
      @ForAll long seed) {
    int[] words = new int[bits];
    Arrays.fill(words, -1);

    BitPlanes.pack(randomCodes(seed, tokens, bits), tokens, bits, words, 0);

    for (int t = tokens; t < 32; t++) {
      assertThat(BitPlanes.code(words, 0, bits, t)).as("token %d", t).isZero();
    }
  }

  @Property(seed = "3", tries = 500)
  void packingWritesNothingButItsOwnWords(
      @ForAll @IntRange(max = 8) int bits,
      @ForAll @IntRange(min = 1, max = 5) int offset,
      @ForAll long seed) {
    int[] words = new int[offset + bits + 3];
    Arrays.fill(words, 0x5a5a5a5a);

    BitPlanes.pack(randomCodes(seed, 32, bits), 32, bits, words, offset);

    assertThat(Arrays.copyOf(words, offset)).containsOnly(0x5a5a5a5a);
    assertThat(Arrays.copyOfRange(words, offset + bits, words.length)).containsOnly(0x5a5a5a5a);
  }

  @Property(seed = "4", tries = 500)
  void puttingTokenAfterTokenEqualsPackingAtOnce(
      @ForAll @IntRange(max = 8) int bits,
      @ForAll @IntRange(max = 32) int tokens,
      @ForAll long seed) {
    int[] codes = randomCodes(seed, tokens, bits);
    int[] packed = new int[bits];
    int[] put = new int[bits];

    BitPlanes.pack(codes, tokens, bits, packed, 0);
    for (int t = 0; t < tokens; t++) {
      BitPlanes.put(codes[t], t, bits, put, 0);
    }

    assertThat(put).containsExactly(packed);
  }

  @Test
  void bitOfAPlaneIsTheTokenAndPlaneIsTheBitOfTheCode() {
    int[] codes = new int[32];
    codes[0] = 0b001;
    codes[5] = 0b110;
    codes[31] = 0b101;
    int[] words = new int[3];

    BitPlanes.pack(codes, 32, 3, words, 0);

    assertThat(words).containsExactly(1 | 1 << 31, 1 << 5, 1 << 5 | 1 << 31);
  }

  private static int[] randomCodes(long seed, int tokens, int bits) {
    SplittableRandom random = new SplittableRandom(seed);
    int[] codes = new int[32];
    Arrays.setAll(codes, t -> t < tokens ? random.nextInt(1 << bits) : -1);
    return codes;
  }
}
