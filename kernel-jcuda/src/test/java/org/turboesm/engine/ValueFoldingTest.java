package org.turboesm.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.attention.AttentionKernels;
import org.turboesm.attention.reference.ReferenceAttentionKernels;
import org.turboesm.engine.reference.ReferenceOperators;
import org.turboesm.esm2.EsmForward.ValueProjections;
import org.turboesm.esm2.Linear;
import org.turboesm.esm2.LinearWeights;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.RandomCodec;

class ValueFoldingTest {
  private static final AttentionKernels PLAIN = new ReferenceAttentionKernels();
  private static final int HEADS = 3;
  private static final int ROWS = 5;

  @ParameterizedTest
  @ValueSource(ints = {16, 24, 32, 64})
  void foldedProjectionGivesTransformedValues(int headDim) {
    Layer layer = new Layer(headDim);
    float[] values = apply(layer.plain.value(), layer.input);
    float[] expected = new float[values.length];
    for (int h = 0; h < HEADS; h++) {
      PLAIN.mapHead(layer.heads.get(h).value(), values, ROWS, HEADS, h, expected);
    }

    float[] folded = apply(layer.folded().value(), layer.input);

    assertClose(folded, expected, layer.limit());
  }

  @ParameterizedTest
  @ValueSource(ints = {16, 24, 32, 64})
  void foldedOutputProjectionTakesTransformedValues(int headDim) {
    Layer layer = new Layer(headDim);
    float[] transformed = layer.input;
    float[] restored = new float[transformed.length];
    for (int h = 0; h < HEADS; h++) {
      PLAIN.mapHead(layer.heads.get(h).output(), transformed, ROWS, HEADS, h, restored);
    }
    float[] expected = apply(layer.plain.attentionOutput(), restored);

    float[] folded = apply(layer.folded().attentionOutput(), transformed);

    assertClose(folded, expected, layer.limit());
  }

  @Test
  void bothTogetherAreThePlainProjections() {
    Layer layer = new Layer(32);
    float[] expected =
        apply(layer.plain.attentionOutput(), apply(layer.plain.value(), layer.input));

    float[] folded =
        apply(layer.folded().attentionOutput(), apply(layer.folded().value(), layer.input));

    assertClose(folded, expected, layer.limit());
  }

  @Test
  void identityFoldsToTheVerySameWeights() {
    Layer layer = new Layer(16);
    List<HeadCodec> identities =
        Stream.generate(() -> RandomCodec.identity(16)).limit(HEADS).toList();

    ValueProjections folded = ValueFolding.fold(identities, layer.plain);

    assertThat(folded.value().weight()).containsExactly(layer.plain.value().weight());
    assertThat(folded.value().bias()).containsExactly(layer.plain.value().bias());
    assertThat(folded.attentionOutput().weight())
        .containsExactly(layer.plain.attentionOutput().weight());
    assertThat(folded.attentionOutput().bias())
        .containsExactly(layer.plain.attentionOutput().bias());
  }

  private static float[] apply(LinearWeights weights, float[] input) {
    float[] output = new float[ROWS * weights.outputs()];
    try (Linear linear = new ReferenceOperators().linear(weights, Linear.Epilogue.NONE)) {
      linear.apply(input, ROWS, output);
    }
    return output;
  }

  private static void assertClose(float[] found, float[] expected, double limit) {
    assertThat(found).hasSameSizeAs(expected);
    for (int i = 0; i < found.length; i++) {
      assertThat((double) found[i]).as("value %d", i).isCloseTo(expected[i], Offset.offset(limit));
    }
  }

  /** Random projections of variance 1 / inputs, which keep the size of what passes them. */
  private static final class Layer {
    private final int headDim;
    private final List<HeadCodec> heads;
    private final ValueProjections plain;
    private final float[] input;

    Layer(int headDim) {
      SplittableRandom random = new SplittableRandom(headDim);
      int hidden = HEADS * headDim;
      this.headDim = headDim;
      this.heads = Stream.generate(() -> RandomCodec.maps(random, headDim)).limit(HEADS).toList();
      this.plain = new ValueProjections(linear(random, hidden), linear(random, hidden));
      this.input = RandomCodec.floats(random, ROWS * hidden);
    }

    ValueProjections folded() {
      return ValueFolding.fold(heads, plain);
    }

    /**
     * Every number is below 8 in magnitude, the maps stretch it by 2 and their inverses by 2 again.
     * It is a sum of at most hidden + headDim rounded terms, whose roundings are independent, and
     * so add up like the square root of their number (Higham and Mary 2019); 4 deviations.
     */
    double limit() {
      double stretch = RandomCodec.LARGEST_STRETCH * RandomCodec.LARGEST_STRETCH;
      return 4 * Math.sqrt((HEADS + 1) * headDim) * 0x1p-24 * 8 * stretch;
    }

    private static LinearWeights linear(SplittableRandom random, int hidden) {
      float[] weight = RandomCodec.floats(random, hidden * hidden);
      for (int i = 0; i < weight.length; i++) {
        weight[i] /= (float) Math.sqrt(hidden);
      }
      return new LinearWeights(hidden, hidden, weight, RandomCodec.floats(random, hidden));
    }
  }
}
