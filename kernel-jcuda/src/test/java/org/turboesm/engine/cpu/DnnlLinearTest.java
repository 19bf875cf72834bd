package org.turboesm.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;
import org.turboesm.engine.Precision;
import org.turboesm.esm2.Linear;
import org.turboesm.esm2.LinearWeights;

class DnnlLinearTest {
  private static final int THREADS = 8;

  @Test
  void threadsThatShareALayerGetWhatOneThreadGets() throws Exception {
    int inputs = 320;
    int outputs = 480;
    int[] rows = {1, 5, 33, 128, 300};
    try (CpuOperators operators = new CpuOperators(Precision.F32)) {
      Linear linear = operators.linear(weights(inputs, outputs), Linear.Epilogue.ADD);
      List<float[]> inputsOfRuns = new ArrayList<>();
      List<float[]> expected = new ArrayList<>();
      for (int n : rows) {
        inputsOfRuns.add(values(n * inputs, n));
        expected.add(values(n * outputs, n + 1));
        linear.apply(
            inputsOfRuns.get(inputsOfRuns.size() - 1), n, expected.get(expected.size() - 1));
      }
      CyclicBarrier start = new CyclicBarrier(THREADS);
      ExecutorService threads = Executors.newFixedThreadPool(THREADS);
      try {
        List<Future<Void>> runs = new ArrayList<>();
        for (int t = 0; t < THREADS; t++) {
          int shift = t;
          Callable<Void> run =
              () -> {
                start.await();
                for (int repeat = 0; repeat < 40; repeat++) {
                  int which = (repeat + shift) % rows.length;
                  float[] output = values(rows[which] * outputs, rows[which] + 1);
                  linear.apply(inputsOfRuns.get(which), rows[which], output);
                  assertThat(Arrays.equals(output, expected.get(which)))
                      .as("%d rows, repeat %d", rows[which], repeat)
                      .isTrue();
                }
                return null;
              };
          runs.add(threads.submit(run));
        }
        for (Future<Void> run : runs) {
          run.get();
        }
      } finally {
        threads.shutdownNow();
      }
    }
  }

  @Test
  void closingFreesEveryNativeObject() {
    useAndClose(64);
    long before = Pointer.totalCount();

    useAndClose(96);

    assertThat(Pointer.totalCount()).isEqualTo(before);
  }

  /** Of a size that the C library takes from the system and gives back, one by one. */
  @Test
  void closingGivesTheWeightsBackToTheSystem() {
    int size = 3072;
    long bytes = 3L * size * size * Float.BYTES;
    CpuOperators operators = new CpuOperators(Precision.F32);
    List<Linear> open = open(operators, size);
    long before = Pointer.physicalBytes();

    open.forEach(Linear::close);

    assertThat(before - Pointer.physicalBytes()).isBetween(bytes * 9 / 10, bytes * 2);
  }

  @Test
  void repeatedCallsMakeNoNativeObjects() {
    try (CpuOperators operators = new CpuOperators(Precision.F32)) {
      Linear linear = operators.linear(weights(64, 48), Linear.Epilogue.GELU);
      float[] input = values(70 * 64, 1);
      float[] output = new float[70 * 48];
      linear.apply(input, 70, output);
      long before = Pointer.totalCount();
      for (int i = 0; i < 100; i++) {
        linear.apply(input, 70, output);
      }
      assertThat(Pointer.totalCount()).isEqualTo(before);
    }
  }

  @Test
  void closedLayerRefusesToRun() {
    try (CpuOperators operators = new CpuOperators(Precision.F32)) {
      Linear linear = operators.linear(weights(32, 32), Linear.Epilogue.NONE);
      linear.close();
      assertThatThrownBy(() -> linear.apply(new float[32], 1, new float[32]))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("closed");
    }
  }

  @Test
  void closingTwiceLeavesOtherLayersOfTheShapeWorking() {
    try (CpuOperators operators = new CpuOperators(Precision.F32)) {
      LinearWeights weights = weights(32, 48);
      Linear closed = operators.linear(weights, Linear.Epilogue.NONE);
      Linear open = operators.linear(weights, Linear.Epilogue.NONE);
      float[] before = new float[48];
      open.apply(values(32, 9), 1, before);
      closed.close();
      closed.close();
      float[] after = new float[48];
      open.apply(values(32, 9), 1, after);
      assertThat(after).containsExactly(before);
    }
  }

  @Test
  void operatorsTakeLayersAgainAfterAllWereClosed() {
    try (CpuOperators operators = new CpuOperators(Precision.F32)) {
      float[] first = new float[48];
      float[] second = new float[48];
      for (float[] output : new float[][] {first, second}) {
        try (Linear linear = operators.linear(weights(32, 48), Linear.Epilogue.NONE)) {
          linear.apply(values(32, 9), 1, output);
        }
      }
      assertThat(second).containsExactly(first);
    }
  }

  private static void useAndClose(int size) {
    List<Linear> open = open(new CpuOperators(Precision.F32), size);
    float[] input = values(10 * size, 1);
    for (Linear linear : open) {
      linear.apply(input, 10, new float[10 * size]);
    }
    open.forEach(Linear::close);
  }

  /** A layer of each epilogue. */
  private static List<Linear> open(CpuOperators operators, int size) {
    LinearWeights weights = weights(size, size);
    return Arrays.stream(Linear.Epilogue.values())
        .map(epilogue -> operators.linear(weights, epilogue))
        .toList();
  }

  private static LinearWeights weights(int inputs, int outputs) {
    return new LinearWeights(inputs, outputs, values(inputs * outputs, 2), values(outputs, 3));
  }

  private static float[] values(int size, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) random.nextDouble() - 0.5f;
    }
    return values;
  }
}
