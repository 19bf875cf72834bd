package org.turboesm.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.turboesm.engine.Precision;
import org.turboesm.engine.cpu.CpuOperators;
import org.turboesm.esm2.LayerNormWeights;
import org.turboesm.esm2.Linear;
import org.turboesm.esm2.LinearWeights;

/**
 * The linear layers' share of the machine's own rate: {@code LinearComparison HIDDEN PRECISION
 * REPEATS NAME}. On one thread a transformer layer's six linear layers run as the engine runs them
 * (LayerNorm, quantization, bias, GELU, residuals and the copies from and to Java arrays included),
 * and as bare oneDNN products of the same shapes and number format, in turn.
 */
final class LinearComparison {
  private static final int ROWS = 1024;
  private static final float EPS = 1e-5f;
  private static final double SAMPLE_SECONDS = 0.5;
  private static final int WARM_UPS = 3;

  private LinearComparison() {}

  public static void main(String[] arguments) throws Exception {
    ComparisonOutput output = new ComparisonOutput();
    int hidden = Integer.parseInt(arguments[0]);
    Precision precision = Precision.parse(arguments[1]).orElseThrow();
    int repeats = Integer.parseInt(arguments[2]);
    try (CpuOperators operators = new CpuOperators(precision);
        BareProducts bare = new BareProducts(precision, hidden)) {
      Runnable engine = engine(operators, hidden);
      Map<String, Runnable> variants = new LinkedHashMap<>();
      variants.put("turboesm, linear layers", engine);
      variants.put("oneDNN alone", () -> bare.multiply(ROWS));
      for (int warmUp = 0; warmUp < WARM_UPS; warmUp++) {
        variants.values().forEach(LinearComparison::seconds);
      }
      double flops = 2.0 * ROWS * 12 * hidden * hidden;
      for (int repeat = 0; repeat < repeats; repeat++) {
        for (Map.Entry<String, Runnable> variant : variants.entrySet()) {
          output.sample(
              variant.getKey(),
              arguments[1],
              arguments[3],
              "linear " + arguments[1] + ", 1 core",
              ROWS,
              flops,
              seconds(variant.getValue()));
        }
      }
    }
    output.peakMemory();
  }

  /** Seconds of one run, the mean of as many as fill a sample. */
  private static double seconds(Runnable variant) {
    long start = System.nanoTime();
    int runs = 0;
    double spent = 0;
    while (spent < SAMPLE_SECONDS) {
      variant.run();
      runs++;
      spent = (System.nanoTime() - start) / 1e9;
    }
    return spent / runs;
  }

  private static Runnable engine(CpuOperators operators, int hidden) {
    NormalValues normal = new NormalValues();
    LayerNormWeights norm = new LayerNormWeights(normal.array(hidden, 1), normal.array(hidden, 1));
    Linear[] projections = new Linear[3];
    for (int i = 0; i < projections.length; i++) {
      projections[i] = linear(operators, normal, hidden, hidden, Linear.Epilogue.NONE);
    }
    Linear attentionOutput = linear(operators, normal, hidden, hidden, Linear.Epilogue.ADD);
    Linear up = linear(operators, normal, hidden, 4 * hidden, Linear.Epilogue.GELU);
    Linear down = linear(operators, normal, 4 * hidden, hidden, Linear.Epilogue.ADD);
    float[] source = normal.array(ROWS * hidden, 1);
    float[] x = new float[source.length];
    List<float[]> projected = new ArrayList<>();
    for (int i = 0; i < projections.length; i++) {
      projected.add(new float[source.length]);
    }
    float[][] outputs = projected.toArray(float[][]::new);
    return () -> {
      System.arraycopy(source, 0, x, 0, x.length);
      operators.normedLinears(x, ROWS, norm, EPS, projections, outputs);
      attentionOutput.apply(outputs[2], ROWS, x);
      operators.feedForward(x, ROWS, norm, EPS, up, down);
    };
  }

  private static Linear linear(
      CpuOperators operators,
      NormalValues normal,
      int inputs,
      int outputs,
      Linear.Epilogue epilogue) {
    return operators.linear(
        new LinearWeights(
            inputs,
            outputs,
            normal.array(inputs * outputs, 1 / Math.sqrt(inputs)),
            normal.array(outputs, 0.1)),
        epilogue);
  }
}
