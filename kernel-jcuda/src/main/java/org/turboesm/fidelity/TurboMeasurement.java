package org.turboesm.fidelity;

import java.util.List;
import java.util.function.Function;
import org.turboesm.attention.AttentionKernels;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.PackedSelfAttention;
import org.turboesm.engine.TurboEngine;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.OutputGrams;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;
import org.turboesm.kv.PackedKvLayout;

/** The fidelity of one protein's turbo pass. */
final class TurboMeasurement {
  private final EsmEngine engine;
  private final TurboEngine turbo;
  private final KvCodec codec;
  private final AttentionKernels kernels;
  private final CodecOutputs outputs;
  private final OutputGrams grams;
  private final int[] tokens;
  private final TokenBatch protein;
  private final float[][] referenceAttention;

  TurboMeasurement(
      EsmEngine engine,
      TurboEngine turbo,
      KvCodec codec,
      AttentionKernels kernels,
      OutputGrams grams,
      int[] tokens) {
    this.engine = engine;
    this.turbo = turbo;
    this.codec = codec;
    this.kernels = kernels;
    this.outputs = new CodecOutputs(kernels, codec);
    this.grams = grams;
    this.tokens = tokens;
    this.protein = TokenBatch.of(List.of(tokens));
    this.referenceAttention = new float[engine.config().layers()][];
  }

  ProteinFidelity measure() {
    AttentionComparison onTrueInputs = new AttentionComparison(engine.config());
    AttentionComparison accumulated = new AttentionComparison(engine.config());
    HeadComparison heads = new HeadComparison(engine.config(), grams);
    float[] reference = engine.encode(protein, compareOnTrueInputs(onTrueInputs, heads));
    float[] actual = turbo.turbo(protein, compareWholeRuns(accumulated));
    PseudoPerplexity pseudoPerplexity = null;
    PseudoPerplexity referencePseudoPerplexity = null;
    if (engine.hasLmHead()) {
      pseudoPerplexity = pseudoPerplexity(masked -> turbo.turbo(masked, ForwardObserver.NONE));
      referencePseudoPerplexity =
          pseudoPerplexity(masked -> engine.encode(masked, ForwardObserver.NONE));
    }
    return new StateComparison(engine, reference, actual, 0)
        .fidelity(
            onTrueInputs.result(),
            heads.nmse(onTrueInputs),
            accumulated.result(),
            pseudoPerplexity,
            referencePseudoPerplexity,
            packedBytes());
  }

  private ForwardObserver compareOnTrueInputs(
      AttentionComparison comparison, HeadComparison heads) {
    PackedSelfAttention packed =
        new PackedSelfAttention(kernels, codec, protein.cuSeqlens(), false);
    return new ForwardObserver() {
      @Override
      public void attention(
          int layer, float[] queries, float[] keys, float[] values, float[] output) {
        float[] packedOutput = new float[output.length];
        packed.attend(layer, queries, keys, values, packedOutput);
        AttentionComparison.add(
            engine, layer, output, packedOutput, tokens.length, row -> comparison);
        for (int t = 0; t < tokens.length; t++) {
          heads.add(layer, output, packedOutput, t);
        }
        referenceAttention[layer] = output.clone();
      }
    };
  }

  private ForwardObserver compareWholeRuns(AttentionComparison comparison) {
    return new ForwardObserver() {
      @Override
      public void attention(
          int layer, float[] queries, float[] keys, float[] values, float[] output) {
        AttentionComparison.add(
            engine,
            layer,
            referenceAttention[layer],
            outputs.toModel(layer, output, tokens.length),
            tokens.length,
            row -> comparison);
      }
    };
  }

  private PseudoPerplexity pseudoPerplexity(Function<TokenBatch, float[]> run) {
    EsmConfig config = engine.config();
    float[] hidden = run.apply(TokenBatch.of(List.of(PseudoPerplexity.masked(tokens))));
    float[] logits = engine.logits(hidden, tokens.length);
    PseudoPerplexity result = new PseudoPerplexity();
    for (int t = 0; t < tokens.length; t++) {
      if (PseudoPerplexity.isMasked(t, tokens.length)) {
        result.add(logits, t, config.vocabularySize(), tokens[t]);
      }
    }
    return result;
  }

  private long packedBytes() {
    return codec.heads().stream()
        .flatMap(List::stream)
        .map(HeadCodec::layout)
        .mapToLong((PackedKvLayout layout) -> layout.packedBytes(tokens.length))
        .sum();
  }
}
