package org.turboesm.kv;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.SplittableRandom;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.attention.reference.ReferenceAttentionKernels;

class AffineMapTest {

  @ParameterizedTest
  @ValueSource(ints = {1, 16, 24, 32, 64, 128})
  void mapsAsDoubleLoopsDo(int size) {
    SplittableRandom random = new SplittableRandom(size);
    AffineMap map = random(random, size);
    float[] x = RandomCodec.floats(random, size + 3);
    float[] y = new float[size + 5];

    map.apply(x, 3, y, 5);

    for (int r = 0; r < size; r++) {
      double sum = map.bias()[r];
      double magnitude = Math.abs(map.bias()[r]);
      for (int c = 0; c < size; c++) {
        double term = (double) map.at(r, c) * x[3 + c];
        sum += term;
        magnitude += Math.abs(term);
      }
      // A float sum of n products is off by at most n + 1 roundings of the terms' magnitudes.
      assertThat((double) y[5 + r]).isCloseTo(sum, Offset.offset((size + 1) * 0x1p-24 * magnitude));
    }
    assertThat(y).startsWith(0, 0, 0, 0, 0);
  }

  @Test
  void columnsHoldTheMatrixColumnByColumn() {
    AffineMap map = AffineMap.of(new double[][] {{1, 2}, {3, 4}}, new double[] {5, 6});
    float[] y = new float[2];

    map.apply(new float[] {10, 100}, 0, y, 0);

    assertThat(map.columns()).containsExactly(1, 3, 2, 4);
    assertThat(map.at(0, 1)).isEqualTo(2);
    assertThat(y).containsExactly(215, 436);
  }

  @Test
  void identityChangesNothing() {
    float[] x = RandomCodec.floats(new SplittableRandom(1), 24);
    float[] y = new float[24];

    AffineMap.identity(24).apply(x, 0, y, 0);

    assertThat(y).containsExactly(x);
  }

  @Test
  void mapsOneHeadOfEveryTokenAndLeavesTheOthersAlone() {
    SplittableRandom random = new SplittableRandom(2);
    int size = 16;
    AffineMap map = random(random, size);
    float[] x = RandomCodec.floats(random, 5 * 3 * size);
    float[] y = new float[x.length];
    float[] expected = new float[x.length];
    for (int t = 0; t < 5; t++) {
      int offset = (t * 3 + 1) * size;
      map.apply(x, offset, expected, offset);
    }

    new ReferenceAttentionKernels().mapHead(map, x, 5, 3, 1, y);

    assertThat(y).containsExactly(expected);
  }

  @Test
  void arraysOfAnotherSizeAreRefused() {
    assertThatThrownBy(() -> new AffineMap(2, new float[3], new float[2]))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new AffineMap(2, new float[4], new float[1]))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void mapsOfEqualContentAreEqual() {
    AffineMap one = random(new SplittableRandom(3), 4);
    AffineMap same = random(new SplittableRandom(3), 4);
    AffineMap other = random(new SplittableRandom(4), 4);

    assertThat(one).isEqualTo(same).hasSameHashCodeAs(same).isNotEqualTo(other);
  }

  private static AffineMap random(SplittableRandom random, int size) {
    return new AffineMap(
        size, RandomCodec.floats(random, size * size), RandomCodec.floats(random, size));
  }
}
