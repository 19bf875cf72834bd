package org.turboesm.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.esm2.Esm2Family;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.RandomEsmModel;
import org.turboesm.kv.FullKvCache;
import org.turboesm.kv.PackedKvLayout;

class MemoryPlanTest {
  private static final EsmConfig SMALL = RandomEsmModel.config(3, 2, 16);

  @Test
  void floatWeightsAreThoseOfTheModelsFile() {
    long stored =
        RandomEsmModel.of(SMALL, 1).tensors().entrySet().stream()
            .filter(tensor -> !tensor.getKey().matches(".*(inv_freq|position_ids|decoder.weight)"))
            .mapToLong(tensor -> 4L * elements(tensor.getValue().shape()))
            .sum();
    long decoder = 4L * SMALL.vocabularySize() * SMALL.hiddenSize();

    assertThat(new MemoryPlan(SMALL, Precision.F32).weightBytes()).isEqualTo(stored + decoder);
  }

  private static long elements(long[] shape) {
    return Arrays.stream(shape).reduce(1, (a, b) -> a * b);
  }

  /** L = 3, H = 32: each layer has 12 H^2 weights, and biases of 4H + 4H + H outputs. */
  @ParameterizedTest
  @CsvSource({"BF16, 2, 1", "INT8, 1, 2"})
  void narrowWeightsKeepFloatVectors(Precision precision, long weightBytes, long vectors) {
    long saved =
        new MemoryPlan(SMALL, Precision.F32).weightBytes()
            - new MemoryPlan(SMALL, precision).weightBytes();

    assertThat(saved)
        .isEqualTo(3 * (12 * 32 * 32 * (4 - weightBytes) - (vectors - 1) * 9 * 32 * Float.BYTES));
  }

  @Test
  void foldedProjectionsAreTwoSquareLayersALayer() {
    assertThat(new MemoryPlan(SMALL, Precision.INT8).foldedBytes())
        .isEqualTo(3 * 2 * (32 * 32 + 2 * 32 * Float.BYTES));
  }

  /** In H bytes, with F = 4H: 8 + 7 products + 4 activations + 5 linear inputs. */
  @ParameterizedTest
  @CsvSource({"F32, 72", "BF16, 40", "INT8, 49"})
  void activationsOfATokenFollowTheFormula(Precision precision, long hiddenBytes) {
    assertThat(new MemoryPlan(SMALL, precision).activationBytesPerToken())
        .isEqualTo(hiddenBytes * SMALL.hiddenSize());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 31, 32, 33, 1022})
  void packedCacheIsThatOfTheLayout(int tokens) {
    int[] keyBits = new int[16];
    int[] valueBits = new int[16];
    Arrays.fill(keyBits, 3);
    Arrays.fill(valueBits, 2);
    long head = new PackedKvLayout(keyBits, valueBits, false).packedBytes(tokens);

    assertThat(new MemoryPlan(SMALL, Precision.F32).packedKvBytes(tokens, 1, 5))
        .isEqualTo(3 * 2 * head);
  }

  @Test
  void eachProteinMayEndInABlockThatIsNotFull() {
    MemoryPlan plan = new MemoryPlan(SMALL, Precision.F32);

    // (100 + 7 * 31) / 32 is 9: six proteins of one token and one of 94, three blocks.
    assertThat(plan.packedKvBytes(100, 7, 5)).isEqualTo(9 * plan.packedKvBytes(32, 1, 5));
    assertThat(plan.valueScaleBytes(100, 7)).isEqualTo(9 * 3 * 2 * 32 * 2);
  }

  /** 16 channels of 41/8 bits are 82 words, padded to 84. */
  @Test
  void wordsOfAHeadArePaddedTo16Bytes() {
    assertThat(new MemoryPlan(SMALL, Precision.F32).packedKvBytes(32, 1, 5.125))
        .isEqualTo(3 * 2 * 84 * 4);
  }

  @Test
  void sessionsHaveLanesBesideThoseOfPasses() {
    assertThat(MemoryPlan.workspaceBytes(false)).isEqualTo(2L * (32 << 20));
    assertThat(MemoryPlan.workspaceBytes(true)).isEqualTo(4L * (32 << 20));
  }

  @Test
  void fullCacheIsThatOfTheFullCache() {
    FullKvCache cache = new FullKvCache(3, 2, 16, 5);
    for (int layer = 0; layer < 3; layer++) {
      for (int head = 0; head < 2; head++) {
        for (int token = 0; token < 5; token++) {
          cache.blocks(layer, head).append(new float[16], 0, new float[16], 0);
        }
      }
    }

    assertThat(new MemoryPlan(SMALL, Precision.F32).fullKvBytes(5)).isEqualTo(cache.bytes());
  }

  @Test
  void largestBatchIsTheLastThatFits() {
    MemoryPlan plan = new MemoryPlan(SMALL, Precision.BF16);
    long token = plan.activationBytesPerToken();

    assertThat(plan.largestBatch(10 * token)).isEqualTo(10);
    assertThat(plan.largestBatch(10 * token - 1)).isEqualTo(9);
    assertThat(plan.largestBatch(-1)).isZero();
  }

  /** The number of parameters names a model: what f32 takes is four times that, within 10%. */
  @ParameterizedTest
  @CsvSource({"8M, 8e6", "35M, 35e6", "150M, 150e6", "650M, 650e6", "3B, 3e9", "15B, 15e9"})
  void familyHasTheSizesItsNamesSay(String name, double parameters) {
    MemoryPlan plan = new MemoryPlan(Esm2Family.config(name).orElseThrow(), Precision.F32);

    assertThat(plan.weightBytes() / 4.0 / parameters).isBetween(0.9, 1.1);
  }
}
