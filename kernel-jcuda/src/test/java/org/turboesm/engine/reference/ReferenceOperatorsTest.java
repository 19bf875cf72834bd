package org.turboesm.engine.reference;

import static org.assertj.core.api.Assertions.assertThat;

import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.turboesm.esm2.LayerNormWeights;
import org.turboesm.esm2.Linear;
import org.turboesm.esm2.LinearWeights;

class ReferenceOperatorsTest {
  /** Three inputs to two outputs. */
  private static final LinearWeights WEIGHTS =
      new LinearWeights(3, 2, new float[] {1, 2, 3, -1, 0, 1}, new float[] {10, 0.5f});

  private static final float[] INPUT = {1, 1, 1, 2, 0, -1};

  private final ReferenceOperators operators = new ReferenceOperators();

  @Test
  void linearIsWeightTimesInputPlusBias() {
    assertThat(apply(Linear.Epilogue.NONE, new float[4])).containsExactly(16, 0.5f, 9, -2.5f);
  }

  @Test
  void linearOverwritesItsOutput() {
    assertThat(apply(Linear.Epilogue.NONE, new float[] {7, 7, 7, 7}))
        .containsExactly(16, 0.5f, 9, -2.5f);
  }

  @Test
  void linearAddsToTheResidual() {
    assertThat(apply(Linear.Epilogue.ADD, new float[] {1, 2, 3, 4}))
        .containsExactly(17, 2.5f, 12, 1.5f);
  }

  @Test
  void linearAppliesGelu() {
    assertThat(apply(Linear.Epilogue.GELU, new float[4]))
        .containsExactly(
            (float) Gelu.exact(16),
            (float) Gelu.exact(0.5),
            (float) Gelu.exact(9),
            (float) Gelu.exact(-2.5));
  }

  @Test
  void layerNormCentresAndScalesEachRow() {
    float[] output = new float[4];

    operators.layerNorm(
        new float[] {1, 3, 10, 30},
        2,
        new LayerNormWeights(new float[] {1, 2}, new float[] {0, 5}),
        0,
        output);

    assertThat(output).containsExactly(-1, 7, -1, 7);
  }

  @Test
  void layerNormAddsEpsilonToTheVariance() {
    float[] output = new float[2];

    operators.layerNorm(
        new float[] {1, 3}, 1, new LayerNormWeights(new float[] {1, 1}, new float[2]), 3, output);

    // Variance 1, so a deviation of 1 becomes 1 / sqrt(1 + 3).
    assertThat(output).containsExactly(-0.5f, 0.5f);
  }

  @Test
  void layerNormMayOverwriteItsInput() {
    float[] x = {1, 2, 3, 4, -5, 6, 7, 9};
    float[] output = new float[8];
    LayerNormWeights weights =
        new LayerNormWeights(new float[] {1, 2, 3, 4}, new float[] {5, 6, 7, 8});

    operators.layerNorm(x, 2, weights, 1e-5f, output);
    operators.layerNorm(x, 2, weights, 1e-5f, x);

    assertThat(x).containsExactly(output);
  }

  @Test
  void layerNormOfAConstantRowIsItsBias() {
    float[] output = new float[2];

    operators.layerNorm(
        new float[] {3, 3},
        1,
        new LayerNormWeights(new float[] {1, 1}, new float[] {0.25f, -1}),
        1e-5f,
        output);

    assertThat(output).containsExactly(new float[] {0.25f, -1}, Offset.offset(0f));
  }

  private float[] apply(Linear.Epilogue epilogue, float[] output) {
    try (Linear linear = operators.linear(WEIGHTS, epilogue)) {
      linear.apply(INPUT, 2, output);
    }
    return output;
  }
}
