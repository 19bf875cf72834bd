package org.turboesm.fidelity;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.turboesm.attention.AttentionKernels;
import org.turboesm.attention.vector.VectorAttentionKernels;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.Prefill;
import org.turboesm.engine.TurboEngine;
import org.turboesm.esm2.OutputGrams;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.KvCodec;

/**
 * Measures what the packed cache costs. Each protein is run in full precision and over the packed
 * cache; beside the two whole runs, every layer's attention is also taken over the packed cache on
 * the inputs that the full-precision run gives it.
 */
public final class FidelityProbe {
  private final EsmEngine engine;
  private final TurboEngine turbo;
  private final KvCodec codec;
  private final AttentionKernels kernels;
  private final OutputGrams grams;

  /**
   * @param turbo of {@code engine} and {@code codec}
   * @param grams of the model
   */
  public FidelityProbe(EsmEngine engine, TurboEngine turbo, KvCodec codec, OutputGrams grams) {
    this.engine = engine;
    this.turbo = turbo;
    this.codec = codec;
    this.kernels = new VectorAttentionKernels();
    this.grams = grams;
  }

  /** The mode {@code turbo} against {@code encode}; proteins are run one by one. */
  public List<ProteinFidelity> turbo(TokenBatch batch) {
    return proteins(batch).stream()
        .map(
            protein ->
                new TurboMeasurement(engine, turbo, codec, kernels, grams, protein).measure())
        .toList();
  }

  /**
   * The mode {@code decode}, over the packed cache against over a full-precision one; proteins are
   * decoded in lockstep. Where the prefill leaves a protein nothing to decode its figures are NaN.
   */
  public List<ProteinFidelity> decode(TokenBatch batch, Prefill prefill) {
    return new DecodeMeasurement(engine, turbo, codec, kernels, grams, batch, prefill).measure();
  }

  private static List<int[]> proteins(TokenBatch batch) {
    return IntStream.range(0, batch.sequences())
        .mapToObj(
            s -> Arrays.copyOfRange(batch.tokens(), batch.cuSeqlens()[s], batch.cuSeqlens()[s + 1]))
        .toList();
  }
}
