package org.turboesm.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.KvPrecision;
import org.turboesm.engine.TurboEngine;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.EsmTokenizer;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;

/**
 * What packing costs a prefill: {@code PrefillComparison MODEL PRECISION REPEATS NAME}. On one
 * thread a batch is run as plain encode, as a prefill into caches of floats, and as one into packed
 * caches, in turn.
 */
final class PrefillComparison {
  private static final int PROTEINS = 4;
  private static final int RESIDUES = 254;
  private static final int BITS = 3;

  private PrefillComparison() {}

  public static void main(String[] arguments) throws Exception {
    ComparisonOutput output = new ComparisonOutput();
    int repeats = Integer.parseInt(arguments[2]);
    try (EsmWeights weights = EsmWeights.open(Path.of(arguments[0]));
        EsmEngine engine = EsmEngines.open("cpu", arguments[1], weights)) {
      EsmConfig config = engine.config();
      int[] bits = NormalCodec.uniformBits(config.headDim(), BITS);
      try (TurboEngine turbo =
          engine.turbo(NormalCodec.model(config.layers(), config.heads(), bits))) {
        TokenBatch batch = randomProteins();
        Map<String, Runnable> variants = new LinkedHashMap<>();
        variants.put("encode", () -> engine.encode(batch, ForwardObserver.NONE));
        variants.put("full cache", () -> prefill(turbo, batch, KvPrecision.FULL));
        variants.put("packed cache", () -> prefill(turbo, batch, KvPrecision.PACKED));
        variants.values().forEach(Runnable::run);
        for (int repeat = 0; repeat < repeats; repeat++) {
          for (Map.Entry<String, Runnable> variant : variants.entrySet()) {
            long start = System.nanoTime();
            variant.getValue().run();
            double seconds = (System.nanoTime() - start) / 1e9;
            output.sample(
                "turboesm, " + variant.getKey(),
                arguments[1],
                arguments[3],
                "prefill " + arguments[1] + ", 1 core",
                batch.size(),
                flops(config, batch),
                seconds);
          }
        }
      }
    }
    output.peakMemory();
  }

  private static double flops(EsmConfig config, TokenBatch batch) {
    double hidden = config.hiddenSize();
    double linear = 2.0 * batch.size() * 12 * hidden * hidden * config.layers();
    double attention = 0;
    for (int s = 0; s < batch.sequences(); s++) {
      attention += 4.0 * batch.length(s) * batch.length(s) * hidden * config.layers();
    }
    return linear + attention;
  }

  private static TokenBatch randomProteins() {
    Random random = new Random(NormalValues.SEED);
    List<int[]> proteins = new ArrayList<>();
    for (int p = 0; p < PROTEINS; p++) {
      int[] tokens = new int[RESIDUES + 2];
      tokens[0] = EsmTokenizer.CLS;
      for (int t = 1; t <= RESIDUES; t++) {
        // The twenty standard residues come first in the vocabulary.
        tokens[t] = EsmTokenizer.FIRST_RESIDUE + random.nextInt(20);
      }
      tokens[RESIDUES + 1] = EsmTokenizer.EOS;
      proteins.add(tokens);
    }
    return TokenBatch.of(proteins);
  }

  private static void prefill(TurboEngine turbo, TokenBatch batch, KvPrecision precision) {
    turbo.prefill(batch, batch.lengths(), precision, ForwardObserver.NONE).close();
  }
}
