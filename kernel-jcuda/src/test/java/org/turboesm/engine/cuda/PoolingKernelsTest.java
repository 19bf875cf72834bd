package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.cuda.DeviceBuffer;

/** Mean embeddings on the device against plain loops in double. */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PoolingKernelsTest {
  private static final long SEED = 20260101;
  private static final int[] LENGTHS = {3, 4, 33, 34, 35, 129, 1024, 3002, 18};

  private final TestDevice device = new TestDevice();
  private final PoolingKernels kernels = new PoolingKernels(device.library());

  @AfterEach
  void freeBuffers() {
    device.freeBuffers();
  }

  @AfterAll
  void close() {
    device.close();
  }

  @ParameterizedTest
  @ValueSource(ints = {32, 33, 48, 320, 1280})
  void everyMeanIsOfTheResiduesAlone(int hiddenSize) {
    int[] lengths = hiddenSize > 320 ? Arrays.copyOf(LENGTHS, 6) : LENGTHS;
    int[] cuSeqlens = cuSeqlens(lengths);
    float[] hidden = hidden(lengths, hiddenSize);
    float[] found = means(hidden, cuSeqlens, hiddenSize);
    for (int s = 0; s < lengths.length; s++) {
      int residues = lengths[s] - 2;
      for (int c = 0; c < hiddenSize; c++) {
        double sum = 0;
        double magnitude = 0;
        for (int t = cuSeqlens[s] + 1; t < cuSeqlens[s + 1] - 1; t++) {
          sum += hidden[t * hiddenSize + c];
          magnitude += Math.abs(hidden[t * hiddenSize + c]);
        }
        // Additions of a warp's own tokens and of 16 warps, and the division.
        double limit = (residues / 16 + 1 + 16 + 1) * 0x1p-24 * magnitude / residues;
        assertThat((double) found[s * hiddenSize + c])
            .as("sequence of %d tokens, channel %d, seed %d", lengths[s], c, SEED)
            .isCloseTo(sum / residues, within(limit));
      }
    }
    assertThat(Arrays.copyOfRange(found, lengths.length * hiddenSize, found.length))
        .as("past the sequences")
        .containsOnly(0);
  }

  @Test
  void meanDoesNotDependOnTheBatch() {
    int hiddenSize = 48;
    int[] cuSeqlens = cuSeqlens(LENGTHS);
    float[] hidden = hidden(LENGTHS, hiddenSize);
    float[] together = means(hidden, cuSeqlens, hiddenSize);
    for (int s = 0; s < LENGTHS.length; s++) {
      float[] own =
          Arrays.copyOfRange(hidden, cuSeqlens[s] * hiddenSize, cuSeqlens[s + 1] * hiddenSize);
      assertThat(Arrays.copyOf(means(own, new int[] {0, LENGTHS[s]}, hiddenSize), hiddenSize))
          .as("sequence of %d tokens, seed %d", LENGTHS[s], SEED)
          .isEqualTo(Arrays.copyOfRange(together, s * hiddenSize, (s + 1) * hiddenSize));
    }
  }

  @Test
  void sequenceWithoutResiduesHasNoMean() {
    int[] lengths = {5, 2, 5};
    float[] found = means(hidden(lengths, 32), cuSeqlens(lengths), 32);
    for (int c = 0; c < 32; c++) {
      assertThat(found[c]).isFinite();
      assertThat(found[32 + c]).isNaN();
      assertThat(found[64 + c]).isFinite();
    }
  }

  /** Means of all sequences, and a row of zeros that must be left. */
  private float[] means(float[] hidden, int[] cuSeqlens, int hiddenSize) {
    int sequences = cuSeqlens.length - 1;
    DeviceBuffer means = device.upload(new float[(sequences + 1) * hiddenSize]);
    kernels.mean(
        device.stream(),
        sequences,
        hiddenSize,
        device.upload(hidden),
        device.upload(cuSeqlens),
        means);
    return means.floats((sequences + 1) * hiddenSize);
  }

  private static int[] cuSeqlens(int[] lengths) {
    int[] cuSeqlens = new int[lengths.length + 1];
    for (int s = 0; s < lengths.length; s++) {
      cuSeqlens[s + 1] = cuSeqlens[s] + lengths[s];
    }
    return cuSeqlens;
  }

  /** Residues around 1, and first and last tokens that would be seen in any mean. */
  private static float[] hidden(int[] lengths, int hiddenSize) {
    int[] cuSeqlens = cuSeqlens(lengths);
    float[] hidden =
        RandomRows.normal(new SplittableRandom(SEED), cuSeqlens[lengths.length] * hiddenSize, 1, 1);
    for (int s = 0; s < lengths.length; s++) {
      Arrays.fill(hidden, cuSeqlens[s] * hiddenSize, (cuSeqlens[s] + 1) * hiddenSize, 1e6f);
      Arrays.fill(
          hidden, (cuSeqlens[s + 1] - 1) * hiddenSize, cuSeqlens[s + 1] * hiddenSize, -1e6f);
    }
    return hidden;
  }
}
