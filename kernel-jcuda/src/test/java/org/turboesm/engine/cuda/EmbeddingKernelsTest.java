package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.turboesm.cuda.DeviceBuffer;

/** Token embeddings on the device against plain loops: equal to the bit. */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class EmbeddingKernelsTest {
  private static final long SEED = 20260101;
  private static final int VOCABULARY = 33;
  private static final int MASK = 32;
  private static final float UNWRITTEN = 42;

  private final TestDevice device = new TestDevice();
  private final EmbeddingKernels kernels = new EmbeddingKernels(device.library());

  @AfterEach
  void freeBuffers() {
    device.freeBuffers();
  }

  @AfterAll
  void close() {
    device.close();
  }

  @ParameterizedTest(name = "{0} rows of {1}, mask token {2}")
  @CsvSource({
    "1, 320, 32",
    "2, 33, 32",
    "31, 32, -1",
    "32, 480, -1",
    "33, 48, 32",
    "127, 1280, 32",
    "9, 5120, 32"
  })
  void everyRowIsItsTokensEmbeddingScaled(int rows, int hidden, int maskToken) {
    SplittableRandom random = new SplittableRandom(SEED);
    float[] embeddings = RandomRows.normal(random, VOCABULARY * hidden, 0, 1);
    int sequences = Math.min(rows, 5);
    float[] scales = RandomRows.uniform(random, sequences, 0.8, 1.2);
    int[] tokens = new int[rows];
    int[] sequenceOfToken = new int[rows];
    for (int t = 0; t < rows; t++) {
      tokens[t] = t % 4 == 1 ? MASK : random.nextInt(VOCABULARY - 1);
      sequenceOfToken[t] = t * sequences / rows;
    }
    float[] x = new float[(rows + 1) * hidden];
    Arrays.fill(x, UNWRITTEN);
    DeviceBuffer target = device.upload(x);
    kernels.embed(
        device.stream(),
        rows,
        hidden,
        device.upload(tokens),
        device.upload(sequenceOfToken),
        device.upload(scales),
        device.upload(embeddings),
        maskToken,
        target);
    for (int t = 0; t < rows; t++) {
      for (int c = 0; c < hidden && tokens[t] != maskToken; c++) {
        x[t * hidden + c] = embeddings[tokens[t] * hidden + c] * scales[sequenceOfToken[t]];
      }
      if (tokens[t] == maskToken) {
        Arrays.fill(x, t * hidden, (t + 1) * hidden, 0);
      }
    }
    assertThat(target.floats(x.length)).as("seed %d", SEED).isEqualTo(x);
  }
}
