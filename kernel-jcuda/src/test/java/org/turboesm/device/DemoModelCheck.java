package org.turboesm.device;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.turboesm.calibration.CodecSpec;
import org.turboesm.calibration.LocalCalibration;
import org.turboesm.engine.DecodeSession;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.KvPrecision;
import org.turboesm.engine.Precision;
import org.turboesm.engine.TurboEngine;
import org.turboesm.engine.cuda.CudaEngineProvider;
import org.turboesm.engine.reference.ReferenceEngineProvider;
import org.turboesm.esm2.EsmTokenizer;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.ModelLocator;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.KvCodec;

/** The demo model on the device against the reference engine: encode, turbo and decode. */
final class DemoModelCheck {
  private static final String PART = "demo model";
  private static final String RESIDUES = "LAGVSERTIDPKQNFYMHWC";
  private static final int PREFIX = 8;

  /**
   * Squared error of all hidden states over their squared length. Devices differ in the order of
   * sums alone, so that the limits are what the emulated one gives, 2.6e-13, 6.3e-6 and 7.1e-5 at
   * most, in numbers of one digit and ten times that: three times the error itself.
   */
  private static final Map<Precision, Double> ROUNDING =
      Map.of(Precision.F32, 3e-12, Precision.BF16, 7e-5, Precision.INT8, 8e-4);

  /**
   * What codes that fall on the other side of a threshold add, in units of what quantization costs
   * itself. A cell is about half a deviation wide, so that of values that are off by e deviations 2
   * e change their code, each by a cell, whose square is 12 times the mean error of one cell: 24 e.
   * Keys and values are off by more than the residual stream, whose error the limits above bound:
   * by up to 4e-4, 2% and 8%.
   */
  private static final Map<Precision, Double> FLIPS =
      Map.of(Precision.F32, 0.01, Precision.BF16, 0.5, Precision.INT8, 2.0);

  private final boolean small;
  private final Consumer<ResultRow> rows;

  DemoModelCheck(Workload workload, Consumer<ResultRow> rows) {
    this.small = workload.repeats() < 5;
    this.rows = rows;
  }

  void run() {
    SplittableRandom random = new SplittableRandom(Workload.SEED);
    List<String> calibrated = proteins(random, small ? 3 : 8, small ? 30 : 60);
    List<int[]> proteins =
        proteins(random, small ? 2 : 8, small ? 40 : 120).stream()
            .map(EsmTokenizer::tokenize)
            .toList();
    TokenBatch batch = TokenBatch.of(proteins);
    try (EsmWeights weights = EsmWeights.open(ModelLocator.locate(ModelLocator.DEMO));
        EsmEngine reference = new ReferenceEngineProvider().open(weights, Precision.F32, 0)) {
      KvCodec codec =
          new LocalCalibration(reference, weights, calibrated).fit(CodecSpec.of("default", 3, 3));
      float[] encoded = reference.encode(batch, ForwardObserver.NONE);
      float[] turbo;
      float[] packed;
      float[] full;
      try (TurboEngine engine = reference.turbo(codec)) {
        turbo = engine.turbo(batch, ForwardObserver.NONE);
        packed = decode(engine, proteins, KvPrecision.PACKED);
        full = decode(engine, proteins, KvPrecision.FULL);
      }
      for (Precision precision : List.of(Precision.F32, Precision.BF16, Precision.INT8)) {
        try (EsmEngine engine = new CudaEngineProvider().open(weights, precision, 0)) {
          check("encode", precision, engine.encode(batch, ForwardObserver.NONE), encoded, 0);
          try (TurboEngine turboEngine = engine.turbo(codec)) {
            double quantization = nmse(turbo, encoded);
            check(
                "turbo",
                precision,
                turboEngine.turbo(batch, ForwardObserver.NONE),
                turbo,
                quantization);
            check(
                "decode, packed",
                precision,
                decode(turboEngine, proteins, KvPrecision.PACKED),
                packed,
                nmse(packed, full));
            check(
                "decode, full precision",
                precision,
                decode(turboEngine, proteins, KvPrecision.FULL),
                full,
                0);
          }
        }
      }
    }
  }

  private static List<String> proteins(SplittableRandom random, int count, int longest) {
    List<String> proteins = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      StringBuilder residues = new StringBuilder();
      for (int r = 0; r < longest - i; r++) {
        residues.append(RESIDUES.charAt(random.nextInt(RESIDUES.length())));
      }
      proteins.add(residues.toString());
    }
    return proteins;
  }

  /** All steps' hidden states, step after step. */
  private static float[] decode(TurboEngine engine, List<int[]> proteins, KvPrecision precision) {
    int[] capacities = proteins.stream().mapToInt(protein -> protein.length).toArray();
    int steps = IntStream.of(capacities).min().orElseThrow() - PREFIX;
    int[] sequences = IntStream.range(0, proteins.size()).toArray();
    List<int[]> prefixes =
        proteins.stream().map(protein -> java.util.Arrays.copyOf(protein, PREFIX)).toList();
    float[] all = null;
    try (DecodeSession session =
        engine.prefill(TokenBatch.of(prefixes), capacities, precision, ForwardObserver.NONE)) {
      for (int step = 0; step < steps; step++) {
        int token = PREFIX + step;
        int[] tokens = proteins.stream().mapToInt(protein -> protein[token]).toArray();
        float[] hidden = session.decode(sequences, tokens, ForwardObserver.NONE);
        all = all == null ? new float[steps * hidden.length] : all;
        System.arraycopy(hidden, 0, all, step * hidden.length, hidden.length);
      }
    }
    return all;
  }

  private void check(
      String mode, Precision precision, float[] actual, float[] expected, double quantization) {
    double error = nmse(actual, expected);
    double limit = ROUNDING.get(precision) + FLIPS.get(precision) * quantization;
    rows.accept(
        ResultRow.checked(
            PART,
            mode + ", " + precision.label(),
            // So that NaN does not pass.
            error <= limit,
            String.format(
                "squared error %.2g of the reference's length, limit %.2g; seed %d",
                error, limit, Workload.SEED)));
  }

  private static double nmse(float[] actual, float[] expected) {
    double error = 0;
    double length = 0;
    for (int i = 0; i < expected.length; i++) {
      double difference = (double) actual[i] - expected[i];
      error += difference * difference;
      length += (double) expected[i] * expected[i];
    }
    return error / length;
  }
}
