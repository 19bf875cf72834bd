package org.turboesm.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Comparator;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.turboesm.calibration.CodecRecipe.Sign;
import org.turboesm.kv.Codebook;

class CodebookFitTest {
  private static final int HEAD_DIM = 16;
  private final long[][] counts = gaussians();

  @Test
  void tablesAreInTheUnitsOfTheChannel() {
    Codebook codebook = fit(Tables.CHANNEL, Sign.NONE, 10f).codebook(equal(1));
    // The two levels of a unit Gaussian are +-sqrt(2 / pi).
    assertThat(codebook.centroid(0, 1)).isCloseTo(7.98f, within(0.2f));
  }

  @Test
  void distortionsAreSquaresInTheUnitsOfTheChannel() {
    double[][] distortions = fit(Tables.CHANNEL, Sign.NONE, 10f).distortions(3);
    for (double[] channel : distortions) {
      // Variances of 20,000 samples are known to 1%: three standard deviations are 3%.
      assertThat(channel[0]).isCloseTo(100, within(4.0));
      // Max 1960, table I.
      assertThat(channel[3]).isCloseTo(3.454, within(0.2));
      assertThat(channel).isSortedAccordingTo(Comparator.reverseOrder());
    }
  }

  @Test
  void channelsMayHaveAnyWidths() {
    int[] bits = new int[HEAD_DIM];
    Arrays.setAll(bits, c -> c % 9);
    assertThat(fit(Tables.CHANNEL, Sign.NONE, 1f).codebook(bits).bits()).isEqualTo(bits);
  }

  @Test
  void onlyOneTableIsSharedByAllChannels() {
    Codebook codebook = fit(Tables.SHARED, Sign.NONE, 2f).codebook(equal(3));
    assertThat(codebook.bits()).containsOnly(3);
    for (int c = 1; c < HEAD_DIM; c++) {
      for (int code = 0; code < 8; code++) {
        assertThat(codebook.centroid(c, code)).isEqualTo(codebook.centroid(0, code));
      }
    }
  }

  @Test
  void theSignBesideTheCodeIsItsLowestBitAndMovesByOneMagnitude() {
    Codebook plain = fit(Tables.SHARED, Sign.NONE, 1f).codebook(equal(3));
    Codebook signed = fit(Tables.SHARED, Sign.BESIDE, 1f).codebook(equal(3));
    assertThat(signed.bits()).containsOnly(4);
    float magnitude = signed.centroid(0, 1) - plain.centroid(0, 0);
    for (int code = 0; code < 8; code++) {
      float centroid = plain.centroid(0, code);
      assertThat(signed.centroid(0, 2 * code)).isCloseTo(centroid - magnitude, within(1e-5f));
      assertThat(signed.centroid(0, 2 * code + 1)).isCloseTo(centroid + magnitude, within(1e-5f));
    }
  }

  @Test
  void aValueKeepsItsPlainCodeUnderTheSign() {
    Codebook plain = fit(Tables.SHARED, Sign.NONE, 1f).codebook(equal(3));
    Codebook signed = fit(Tables.SHARED, Sign.BESIDE, 1f).codebook(equal(3));
    Random random = new Random(5);
    for (int i = 0; i < 1000; i++) {
      float value = (float) random.nextGaussian();
      int code = plain.code(0, value);
      int sign = value > plain.centroid(0, code) ? 1 : 0;
      assertThat(signed.code(0, value)).as("value %s", value).isEqualTo(2 * code + sign);
    }
  }

  @Test
  void theSignWithinACodeTakesOneOfItsBits() {
    Codebook halved = fit(Tables.CHANNEL, Sign.NONE, 1f).codebook(equal(2));
    Codebook signed = fit(Tables.CHANNEL, Sign.WITHIN, 1f).codebook(equal(3));
    assertThat(signed.bits()).containsOnly(3);
    for (int code = 0; code < 4; code++) {
      assertThat((signed.centroid(3, 2 * code) + signed.centroid(3, 2 * code + 1)) / 2)
          .isCloseTo(halved.centroid(3, code), within(1e-5f));
    }
    assertThat(fit(Tables.CHANNEL, Sign.WITHIN, 1f).codebook(equal(0)).bits()).containsOnly(0);
  }

  @Test
  void uniformTablesHaveEvenSteps() {
    Codebook codebook = fit(Tables.UNIFORM, Sign.NONE, 1f).codebook(equal(4));
    float step = codebook.centroid(2, 1) - codebook.centroid(2, 0);
    for (int code = 1; code < 16; code++) {
      assertThat(codebook.centroid(2, code) - codebook.centroid(2, code - 1))
          .isCloseTo(step, within(1e-5f));
    }
    // The best step of 16 levels for a unit Gaussian is 0.3352 (Max 1960, table II); the range is
    // tried in twentieths.
    assertThat(step).isCloseTo(0.3352f, within(0.04f));
  }

  @Test
  void tokenScaledTablesReachFromMinusOneToOne() {
    Codebook codebook = CodebookFit.tokenScaled(8, 4);
    assertThat(codebook.bits()).containsOnly(4);
    assertThat(codebook.centroid(5, 0)).isEqualTo(-1);
    assertThat(codebook.centroid(5, 15)).isEqualTo(1);
  }

  @Test
  void aChannelWithoutCountsGetsTheTableOfANormalDistribution() {
    long[][] none = new long[HEAD_DIM][HistogramBins.COUNT];
    float[] scales = new float[HEAD_DIM];
    Arrays.fill(scales, 2f);
    Codebook codebook =
        new CodebookFit(Tables.CHANNEL, Sign.NONE, none, scales, 0.1).codebook(equal(1));
    // 2 sqrt(2 / pi), by bins that are 1.6% of their value wide.
    assertThat(codebook.centroid(0, 1)).isCloseTo(1.596f, within(0.016f * 1.596f));
  }

  private CodebookFit fit(Tables tables, Sign sign, float scale) {
    float[] scales = new float[HEAD_DIM];
    Arrays.fill(scales, scale);
    return new CodebookFit(tables, sign, counts, scales, 0);
  }

  private static int[] equal(int bits) {
    int[] widths = new int[HEAD_DIM];
    Arrays.fill(widths, bits);
    return widths;
  }

  private static long[][] gaussians() {
    Random random = new Random(17);
    long[][] counts = new long[HEAD_DIM][HistogramBins.COUNT];
    for (long[] channel : counts) {
      for (int i = 0; i < 20_000; i++) {
        channel[HistogramBins.bin(random.nextGaussian())]++;
      }
    }
    return counts;
  }
}
