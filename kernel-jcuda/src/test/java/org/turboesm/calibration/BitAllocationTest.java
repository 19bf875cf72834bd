package org.turboesm.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class BitAllocationTest {

  @Property(tries = 200)
  void greedyIsBestWhereGainsShrink(
      @ForAll @DoubleRange(min = 0.01, max = 100) double first,
      @ForAll @DoubleRange(min = 0.01, max = 100) double second,
      @ForAll @DoubleRange(min = 0.01, max = 100) double third,
      @ForAll @IntRange(min = 0, max = 9) int total) {
    double[][] distortions = distortions(new double[] {first, second, third}, 3);
    int[] bits = BitAllocation.allot(distortions, total);
    assertThat(Arrays.stream(bits).sum()).isEqualTo(total);
    assertThat(distortion(distortions, bits)).isLessThanOrEqualTo(best(distortions, total) + 1e-12);
  }

  @Test
  void noChannelGetsMoreThanTheWidest() {
    int[] bits = BitAllocation.allot(distortions(new double[] {1e9, 1, 1}, 7), 9);
    assertThat(bits).containsExactly(7, 1, 1);
  }

  @Test
  void moreBitsThanFitAreRefused() {
    assertThatThrownBy(() -> BitAllocation.allot(distortions(new double[] {1, 1}, 3), 7))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static double[][] distortions(double[] variances, int maxBits) {
    double[][] distortions = new double[variances.length][maxBits + 1];
    for (int c = 0; c < variances.length; c++) {
      for (int b = 0; b <= maxBits; b++) {
        distortions[c][b] = variances[c] * Math.pow(0.25, b);
      }
    }
    return distortions;
  }

  private static double best(double[][] distortions, int total) {
    double best = Double.POSITIVE_INFINITY;
    int widths = distortions[0].length;
    for (int a = 0; a < widths; a++) {
      for (int b = 0; b < widths; b++) {
        int c = total - a - b;
        if (c >= 0 && c < widths) {
          best = Math.min(best, distortion(distortions, new int[] {a, b, c}));
        }
      }
    }
    return best;
  }

  private static double distortion(double[][] distortions, int[] bits) {
    double sum = 0;
    for (int c = 0; c < bits.length; c++) {
      sum += distortions[c][bits[c]];
    }
    return sum;
  }
}
