package org.turboesm.fidelity;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.turboesm.attention.AttentionKernels;
import org.turboesm.attention.AttentionState;
import org.turboesm.engine.DecodedBatch;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.KvPrecision;
import org.turboesm.engine.LockstepDecoder;
import org.turboesm.engine.PackedSessionCaches;
import org.turboesm.engine.Prefill;
import org.turboesm.engine.TurboEngine;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.OutputGrams;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.KvCodec;

/**
 * The fidelity of a batch's decode. The run over full-precision caches keeps packed caches beside
 * them, so that each decoded token's attention is also taken over these on the same inputs.
 */
final class DecodeMeasurement {
  private final EsmEngine engine;
  private final TurboEngine turbo;
  private final KvCodec codec;
  private final AttentionKernels kernels;
  private final CodecOutputs outputs;
  private final TokenBatch batch;
  private final Prefill prefill;
  private final EsmConfig config;
  private final int[] sequenceOfRow;
  private final float[][] referenceAttention;
  private final List<AttentionComparison> onTrueInputs = new ArrayList<>();
  private final List<HeadComparison> heads = new ArrayList<>();
  private final List<AttentionComparison> accumulated = new ArrayList<>();

  DecodeMeasurement(
      EsmEngine engine,
      TurboEngine turbo,
      KvCodec codec,
      AttentionKernels kernels,
      OutputGrams grams,
      TokenBatch batch,
      Prefill prefill) {
    this.engine = engine;
    this.turbo = turbo;
    this.codec = codec;
    this.kernels = kernels;
    this.outputs = new CodecOutputs(kernels, codec);
    this.batch = batch;
    this.prefill = prefill;
    this.config = engine.config();
    this.sequenceOfRow = new int[batch.size()];
    for (int s = 0; s < batch.sequences(); s++) {
      Arrays.fill(sequenceOfRow, batch.cuSeqlens()[s], batch.cuSeqlens()[s + 1], s);
      onTrueInputs.add(new AttentionComparison(config));
      heads.add(new HeadComparison(config, grams));
      accumulated.add(new AttentionComparison(config));
    }
    this.referenceAttention = new float[config.layers()][batch.size() * config.hiddenSize()];
  }

  List<ProteinFidelity> measure() {
    DecodedBatch reference =
        new LockstepDecoder(turbo, KvPrecision.FULL, new FullRun()).decode(batch, prefill);
    DecodedBatch actual =
        new LockstepDecoder(turbo, KvPrecision.PACKED, rows -> new PackedRun(rows))
            .decode(batch, prefill);
    List<PseudoPerplexity> pseudoPerplexities = pseudoPerplexities(KvPrecision.PACKED);
    List<PseudoPerplexity> referencePseudoPerplexities = pseudoPerplexities(KvPrecision.FULL);
    return IntStream.range(0, batch.sequences())
        .mapToObj(
            s ->
                new StateComparison(
                        engine,
                        hiddenOf(s, reference.hidden()),
                        hiddenOf(s, actual.hidden()),
                        prefill.tokens(batch.length(s)))
                    .fidelity(
                        onTrueInputs.get(s).result(),
                        heads.get(s).nmse(onTrueInputs.get(s)),
                        accumulated.get(s).result(),
                        pseudoPerplexities.get(s),
                        referencePseudoPerplexities.get(s),
                        actual.cacheBytes()[s]))
        .toList();
  }

  private float[] hiddenOf(int sequence, float[] hidden) {
    int size = config.hiddenSize();
    return Arrays.copyOfRange(
        hidden, batch.cuSeqlens()[sequence] * size, batch.cuSeqlens()[sequence + 1] * size);
  }

  private boolean isPrefix(int[] rows) {
    int sequence = sequenceOfRow[rows[0]];
    return rows[0] - batch.cuSeqlens()[sequence] < prefill.tokens(batch.length(sequence));
  }

  /** Observes the full-precision run, with packed caches beside its own. */
  private final class FullRun implements LockstepDecoder.Observer {
    private final PackedSessionCaches beside =
        new PackedSessionCaches(kernels, codec, batch.lengths());
    private final AttentionState state = new AttentionState(config.headDim());

    @Override
    public ForwardObserver observe(int[] rows) {
      boolean prefix = isPrefix(rows);
      return new ForwardObserver() {
        @Override
        public void attention(
            int layer, float[] queries, float[] keys, float[] values, float[] output) {
          float[] packedOutput = new float[output.length];
          for (int i = 0; i < rows.length; i++) {
            int sequence = sequenceOfRow[rows[i]];
            beside.append(sequence, layer, keys, values, i, 1);
            if (!prefix) {
              beside.attend(sequence, layer, queries, i, state, packedOutput);
            }
          }
          if (!prefix) {
            compare(layer, rows, output, packedOutput);
          }
        }
      };
    }

    private void compare(int layer, int[] rows, float[] output, float[] packedOutput) {
      float[] reference = outputs.toModel(layer, output, rows.length);
      float[] actual = outputs.toModel(layer, packedOutput, rows.length);
      int size = config.hiddenSize();
      AttentionComparison.add(
          engine,
          layer,
          reference,
          actual,
          rows.length,
          i -> onTrueInputs.get(sequenceOfRow[rows[i]]));
      for (int i = 0; i < rows.length; i++) {
        heads.get(sequenceOfRow[rows[i]]).add(layer, reference, actual, i);
        System.arraycopy(reference, i * size, referenceAttention[layer], rows[i] * size, size);
      }
    }
  }

  /** Observes one pass of the packed run. */
  private final class PackedRun implements ForwardObserver {
    private final int[] rows;

    PackedRun(int[] rows) {
      this.rows = rows;
    }

    @Override
    public void attention(
        int layer, float[] queries, float[] keys, float[] values, float[] output) {
      if (isPrefix(rows)) {
        return;
      }
      int size = config.hiddenSize();
      float[] reference = new float[rows.length * size];
      for (int i = 0; i < rows.length; i++) {
        System.arraycopy(referenceAttention[layer], rows[i] * size, reference, i * size, size);
      }
      AttentionComparison.add(
          engine,
          layer,
          reference,
          outputs.toModel(layer, output, rows.length),
          rows.length,
          i -> accumulated.get(sequenceOfRow[rows[i]]));
    }
  }

  /** One for each protein, over its masked and decoded residues; null without a head. */
  private List<PseudoPerplexity> pseudoPerplexities(KvPrecision precision) {
    List<PseudoPerplexity> results = new ArrayList<>();
    if (!engine.hasLmHead()) {
      return new ArrayList<>(Collections.nCopies(batch.sequences(), null));
    }
    List<int[]> masked = new ArrayList<>();
    for (int s = 0; s < batch.sequences(); s++) {
      int[] tokens =
          Arrays.copyOfRange(batch.tokens(), batch.cuSeqlens()[s], batch.cuSeqlens()[s + 1]);
      masked.add(PseudoPerplexity.masked(tokens));
    }
    float[] hidden =
        LockstepDecoder.decode(turbo, TokenBatch.of(masked), prefill, precision).hidden();
    float[] logits = engine.logits(hidden, batch.size());
    for (int s = 0; s < batch.sequences(); s++) {
      PseudoPerplexity result = new PseudoPerplexity();
      int length = batch.length(s);
      for (int t = prefill.tokens(length); t < length; t++) {
        if (PseudoPerplexity.isMasked(t, length)) {
          int row = batch.cuSeqlens()[s] + t;
          result.add(logits, row, config.vocabularySize(), batch.tokens()[row]);
        }
      }
      results.add(result);
    }
    return results;
  }
}
