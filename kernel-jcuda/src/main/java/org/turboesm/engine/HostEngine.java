package org.turboesm.engine;

import org.turboesm.attention.AttentionKernels;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.EsmForward;
import org.turboesm.esm2.EsmOperators;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.KvCodec;

/** An engine whose activations are Java arrays: given operators and kernels make it. */
public final class HostEngine implements EsmEngine {
  private final EsmWeights weights;
  private final EsmForward forward;
  private final AttentionKernels kernels;
  private final EngineCapabilities capabilities;

  /**
   * @param weights read now, and again by {@link #turbo}; stays the caller's to close
   * @param kernels closed with this engine
   */
  public HostEngine(
      EsmWeights weights,
      EsmOperators operators,
      AttentionKernels kernels,
      EngineCapabilities capabilities) {
    this.weights = weights;
    this.kernels = kernels;
    this.capabilities = capabilities;
    this.forward = EsmForward.load(weights, operators);
  }

  @Override
  public EsmConfig config() {
    return forward.config();
  }

  @Override
  public EngineCapabilities capabilities() {
    return capabilities;
  }

  @Override
  public float[] encode(TokenBatch batch, ForwardObserver observer) {
    EsmConfig config = config();
    return forward.run(
        batch,
        (layer, queries, keys, values, output) ->
            kernels.prefill(
                config.heads(), config.headDim(), batch.cuSeqlens(), queries, keys, values, output),
        observer);
  }

  @Override
  public float[] logits(float[] hidden, int rows) {
    return forward.logits(hidden, rows);
  }

  @Override
  public boolean hasLmHead() {
    return forward.hasLmHead();
  }

  @Override
  public float[] projectAttention(int layer, float[] attended, int rows) {
    return forward.projectAttention(layer, attended, rows);
  }

  @Override
  public TurboEngine turbo(KvCodec codec) {
    codec.requireFit(config());
    EsmForward folded =
        forward.withValueProjections(
            weights, (layer, plain) -> ValueFolding.fold(codec.heads().get(layer), plain));
    return new HostTurboEngine(folded, kernels, codec);
  }

  @Override
  public void close() {
    forward.close();
    kernels.close();
  }
}
