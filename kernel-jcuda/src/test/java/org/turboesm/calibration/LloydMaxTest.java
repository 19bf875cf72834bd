package org.turboesm.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LloydMaxTest {
  private static final int SAMPLES = 200_000;

  /** Max 1960, table I: the mean squared error of the best quantizers of a unit Gaussian. */
  @ParameterizedTest
  @CsvSource({"1, 1.0", "2, 0.3634", "4, 0.1175", "8, 0.03454", "16, 0.009497", "32, 0.002499"})
  void gaussiansReachTheKnownDistortion(int levels, double expected) {
    // 200,000 samples estimate a variance to 0.3%; the bins add their width squared over 12.
    double binError = Math.pow(0.0156, 2) / 12;
    assertThat(new LloydMax(gaussians()).fit(levels).distortion())
        .isCloseTo(expected, within(0.015 * expected + binError));
  }

  @Test
  void twoPointsNeedTwoLevels() {
    double[] counts = new double[HistogramBins.COUNT];
    counts[HistogramBins.bin(-1)] = 30;
    counts[HistogramBins.bin(2)] = 10;
    ScalarQuantizer quantizer = new LloydMax(counts).fit(2);
    assertThat(quantizer.distortion()).isCloseTo(0, within(1e-12));
    assertThat(quantizer.centroids()[0]).isCloseTo(-1, within(0.02));
    assertThat(quantizer.centroids()[1]).isCloseTo(2, within(0.04));
  }

  @Test
  void moreLevelsThanPointsStayOrdered() {
    double[] counts = new double[HistogramBins.COUNT];
    counts[500] = 1;
    ScalarQuantizer quantizer = new LloydMax(counts).fit(128);
    assertThat(quantizer.thresholds()).isSorted();
    assertThat(quantizer.centroids()).isSorted();
    assertThat(quantizer.distortion()).isCloseTo(0, within(1e-12));
  }

  /** Mass of very different sizes: cells of almost nothing beside 1e18 counts. */
  @ParameterizedTest
  @ValueSource(ints = {2, 8, 64, 128, 256})
  void cellsOfAlmostNothingStayOrdered(int levels) {
    Random random = new Random(13);
    for (int trial = 0; trial < 200; trial++) {
      double[] counts = new double[HistogramBins.COUNT];
      for (int b = 0; b < counts.length; b++) {
        counts[b] = Math.exp(-80 * random.nextDouble()) * (random.nextInt(3) == 0 ? 1e18 : 0);
      }
      ScalarQuantizer quantizer = new LloydMax(counts).fit(levels);
      assertThat(quantizer.centroids()).as("trial " + trial).isSorted();
      assertThat(quantizer.thresholds()).as("trial " + trial).isSorted();
    }
  }

  /** The prior's far bins hold shares of a token that sums over all bins no longer resolve. */
  @Test
  void manyLevelsOfFewTokensStayOrdered() {
    for (int seed = 0; seed < 10; seed++) {
      Random random = new Random(seed);
      long[] counts = new long[HistogramBins.COUNT];
      for (int i = 0; i < 2000; i++) {
        // With outliers of all magnitudes, between which bins are empty but for the prior.
        double value = random.nextGaussian() / (Math.abs(random.nextGaussian()) + 0.01);
        counts[HistogramBins.bin(value)]++;
      }
      for (double priorShare : new double[] {1e-4, 0.01}) {
        ScalarQuantizer quantizer = new ChannelHistogram(counts, priorShare).lloydMax().fit(256);
        assertThat(quantizer.centroids()).as("seed %d, prior %s", seed, priorShare).isSorted();
        assertThat(quantizer.thresholds()).as("seed %d, prior %s", seed, priorShare).isSorted();
      }
    }
  }

  @Test
  void thresholdsAreMidpointsOfCentroids() {
    ScalarQuantizer quantizer = new LloydMax(gaussians()).fit(8);
    for (int i = 0; i < 7; i++) {
      assertThat(quantizer.thresholds()[i])
          .isEqualTo((quantizer.centroids()[i] + quantizer.centroids()[i + 1]) / 2);
    }
  }

  @Test
  void meanMagnitudeOfASingleLevelIsTheMeanDeviation() {
    LloydMax lloydMax = new LloydMax(gaussians());
    assertThat(lloydMax.meanMagnitude(lloydMax.fit(1)))
        .isCloseTo(Math.sqrt(2 / Math.PI), within(0.005));
  }

  @Test
  void binsHoldTheirCentres() {
    for (int bin = 0; bin < HistogramBins.COUNT; bin++) {
      assertThat(HistogramBins.bin(HistogramBins.center(bin))).isEqualTo(bin);
    }
  }

  @Test
  void outliersFallIntoTheLastBins() {
    assertThat(HistogramBins.bin(1e30)).isEqualTo(HistogramBins.COUNT - 1);
    assertThat(HistogramBins.bin(-1e30)).isEqualTo(0);
  }

  private static double[] gaussians() {
    Random random = new Random(11);
    double[] counts = new double[HistogramBins.COUNT];
    for (int i = 0; i < SAMPLES; i++) {
      counts[HistogramBins.bin(random.nextGaussian())]++;
    }
    return counts;
  }
}
