package org.turboesm.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.turboesm.kv.Codebook;

class CodebookFitTest {
  private static final int HEAD_DIM = 16;
  private final long[][] counts = gaussians();

  @Test
  void allottedBitsMeetTheMeanExactly() {
    float[] scales = new float[HEAD_DIM];
    for (int c = 0; c < HEAD_DIM; c++) {
      scales[c] = (float) Math.pow(0.7, c);
    }
    Codebook codebook = CodebookFit.allotted(counts, scales, 3);
    assertThat(Arrays.stream(codebook.bits()).sum()).isEqualTo(3 * HEAD_DIM);
    assertThat(codebook.bits(0)).isGreaterThan(codebook.bits(HEAD_DIM - 1));
  }

  @Test
  void tablesAreInTheUnitsOfTheChannel() {
    float[] scales = new float[HEAD_DIM];
    Arrays.fill(scales, 10f);
    Codebook codebook = CodebookFit.allotted(counts, scales, 1);
    // The two levels of a unit Gaussian are +-sqrt(2 / pi).
    assertThat(codebook.centroid(0, 1)).isCloseTo(7.98f, within(0.2f));
  }

  @Test
  void eightBitsAChannelArePossible() {
    float[] scales = new float[HEAD_DIM];
    Arrays.fill(scales, 1f);
    assertThat(CodebookFit.allotted(counts, scales, 8).bits()).containsOnly(8);
  }

  @Test
  void onlyOneTableIsSharedByAllChannels() {
    Codebook codebook = CodebookFit.shared(counts, 2f, 3, false);
    assertThat(codebook.bits()).containsOnly(3);
    for (int c = 1; c < HEAD_DIM; c++) {
      for (int code = 0; code < 8; code++) {
        assertThat(codebook.centroid(c, code)).isEqualTo(codebook.centroid(0, code));
      }
    }
  }

  @Test
  void theSignIsTheLowestBitAndMovesByOneMagnitude() {
    Codebook plain = CodebookFit.shared(counts, 1f, 3, false);
    Codebook signed = CodebookFit.shared(counts, 1f, 3, true);
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
    Codebook plain = CodebookFit.shared(counts, 1f, 3, false);
    Codebook signed = CodebookFit.shared(counts, 1f, 3, true);
    Random random = new Random(5);
    for (int i = 0; i < 1000; i++) {
      float value = (float) random.nextGaussian();
      int code = plain.code(0, value);
      int sign = value > plain.centroid(0, code) ? 1 : 0;
      assertThat(signed.code(0, value)).as("value %s", value).isEqualTo(2 * code + sign);
    }
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
