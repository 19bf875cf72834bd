package org.turboesm.calibration;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class WidthAllotmentTest {
  private static final int LAYERS = 3;
  private static final int HEADS = 2;
  private static final int HEAD_DIM = 16;

  private final List<LayerDistortions> layers = layers();

  @Test
  void separateKeepsTheKeysAndTheValuesOfAHead() {
    for (LayerWidths layer : widths(Allotment.SEPARATE)) {
      for (int h = 0; h < HEADS; h++) {
        assertThat(sum(layer.keys()[h])).isEqualTo(40);
        assertThat(sum(layer.values()[h])).isEqualTo(16);
      }
    }
  }

  @Test
  void headMovesBitsBetweenItsKeysAndValues() {
    List<LayerWidths> widths = widths(Allotment.HEAD);
    for (LayerWidths layer : widths) {
      for (int h = 0; h < HEADS; h++) {
        assertThat(sum(layer.keys()[h]) + sum(layer.values()[h])).isEqualTo(56);
      }
    }
    assertThat(sum(widths.get(0).keys()[0])).isNotEqualTo(28);
  }

  @Test
  void layerMovesBitsBetweenItsHeads() {
    List<LayerWidths> widths = widths(Allotment.LAYER);
    for (LayerWidths layer : widths) {
      assertThat(total(layer)).isEqualTo(HEADS * 56);
    }
    assertThat(sum(widths.get(0).keys()[0]) + sum(widths.get(0).values()[0])).isNotEqualTo(56);
  }

  @Test
  void modelMovesBitsBetweenItsLayers() {
    List<LayerWidths> widths = widths(Allotment.MODEL);
    assertThat(widths.stream().mapToInt(WidthAllotmentTest::total).sum())
        .isEqualTo(LAYERS * HEADS * 56);
    assertThat(total(widths.get(0))).isNotEqualTo(HEADS * 56);
  }

  @Test
  void allBitsThatASpecMayHaveFit() {
    for (int keyBits = 1; keyBits <= 8; keyBits++) {
      for (int valueBits = 1; valueBits <= 8; valueBits++) {
        CodecSpec spec = CodecSpec.of("svd", keyBits, valueBits);
        int maxBits = CodebookFit.maxBits(spec.widestMean());
        double[][][] equal = new double[HEADS][HEAD_DIM][maxBits + 1];
        LayerWidths layer =
            new WidthAllotment(spec, List.of(new LayerDistortions(equal, equal))).widths().get(0);
        assertThat(sum(layer.keys()[0])).isEqualTo(keyBits * HEAD_DIM);
        assertThat(sum(layer.values()[1])).isEqualTo(valueBits * HEAD_DIM);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Allotment.class)
  void widerSetsNeverErrMore(Allotment allotment) {
    if (allotment != Allotment.SEPARATE) {
      Allotment narrower = Allotment.values()[allotment.ordinal() - 1];
      assertThat(distortion(widths(allotment)))
          .isLessThanOrEqualTo(distortion(widths(narrower)) + 1e-12);
    }
  }

  private List<LayerWidths> widths(Allotment allotment) {
    return new WidthAllotment(spec(allotment), layers).widths();
  }

  /** Keys and values have one mean where bits move between them. */
  private static CodecSpec spec(Allotment allotment) {
    return allotment == Allotment.SEPARATE
        ? new CodecSpec("default", 2.5, 1, allotment)
        : new CodecSpec("default", 1.75, 1.75, allotment);
  }

  private double distortion(List<LayerWidths> widths) {
    double sum = 0;
    for (int l = 0; l < LAYERS; l++) {
      for (int h = 0; h < HEADS; h++) {
        for (int c = 0; c < HEAD_DIM; c++) {
          sum += layers.get(l).keys()[h][c][widths.get(l).keys()[h][c]];
          sum += layers.get(l).values()[h][c][widths.get(l).values()[h][c]];
        }
      }
    }
    return sum;
  }

  private static int total(LayerWidths layer) {
    return Arrays.stream(layer.keys()).mapToInt(WidthAllotmentTest::sum).sum()
        + Arrays.stream(layer.values()).mapToInt(WidthAllotmentTest::sum).sum();
  }

  private static int sum(int[] bits) {
    return Arrays.stream(bits).sum();
  }

  /** Variances of very different sizes, each bit a quarter of the error. */
  private static List<LayerDistortions> layers() {
    Random random = new Random(23);
    List<LayerDistortions> layers = new ArrayList<>();
    for (int l = 0; l < LAYERS; l++) {
      LayerDistortions layer =
          new LayerDistortions(new double[HEADS][HEAD_DIM][8], new double[HEADS][HEAD_DIM][8]);
      for (int h = 0; h < HEADS; h++) {
        for (int c = 0; c < HEAD_DIM; c++) {
          double key = Math.exp(2 * random.nextGaussian() + l);
          double value = Math.exp(2 * random.nextGaussian() - h);
          for (int bits = 0; bits < 8; bits++) {
            layer.keys()[h][c][bits] = key * Math.pow(0.25, bits);
            layer.values()[h][c][bits] = value * Math.pow(0.25, bits);
          }
        }
      }
      layers.add(layer);
    }
    return layers;
  }
}
