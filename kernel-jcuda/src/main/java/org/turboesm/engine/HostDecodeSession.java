package org.turboesm.engine;

import org.turboesm.attention.AttentionKernels;
import org.turboesm.attention.AttentionState;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.EsmForward;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;

/** Lockstep decode on the host: the forward pass on one token a sequence, over the caches. */
final class HostDecodeSession implements DecodeSession {
  private final EsmForward forward;
  private final SessionCaches caches;
  private final RangeMonitor ranges;
  private final float[] maskedFractions;
  private final float[] prefixHidden;
  private boolean closed;

  /** Runs the prefill. */
  HostDecodeSession(
      EsmForward forward,
      AttentionKernels kernels,
      SessionCaches caches,
      RangeMonitor ranges,
      TokenBatch prefixes,
      ForwardObserver observer) {
    this.forward = forward;
    this.caches = caches;
    this.ranges = ranges;
    this.maskedFractions = prefixes.maskedFractions();
    EsmConfig config = forward.config();
    this.prefixHidden =
        forward.run(
            prefixes,
            (layer, queries, keys, values, output) -> {
              kernels.prefill(
                  config.heads(),
                  config.headDim(),
                  prefixes.cuSeqlens(),
                  queries,
                  keys,
                  values,
                  output);
              for (int s = 0; s < prefixes.sequences(); s++) {
                caches.append(s, layer, keys, values, prefixes.cuSeqlens()[s], prefixes.length(s));
              }
            },
            ranges.beside(observer, prefixes));
  }

  @Override
  public float[] prefixHidden() {
    return prefixHidden;
  }

  @Override
  public float[] decode(int[] sequences, int[] tokens, ForwardObserver observer) {
    AttentionState state = new AttentionState(forward.config().headDim());
    TokenBatch step = step(sequences, tokens);
    return forward.run(
        step,
        (layer, queries, keys, values, output) -> {
          for (int i = 0; i < sequences.length; i++) {
            caches.append(sequences[i], layer, keys, values, i, 1);
            caches.attend(sequences[i], layer, queries, i, state, output);
          }
        },
        ranges.beside(observer, step));
  }

  private TokenBatch step(int[] sequences, int[] tokens) {
    int[] cuSeqlens = new int[sequences.length + 1];
    int[] positions = new int[sequences.length];
    float[] fractions = new float[sequences.length];
    for (int i = 0; i < sequences.length; i++) {
      cuSeqlens[i + 1] = i + 1;
      positions[i] = caches.length(sequences[i]);
      fractions[i] = maskedFractions[sequences[i]];
    }
    return new TokenBatch(tokens, cuSeqlens, positions, fractions);
  }

  @Override
  public long cacheBytes(int sequence) {
    return caches.bytes(sequence);
  }

  /** Nothing to free: the caches are arrays. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      ranges.finish();
    }
  }
}
