package org.turboesm.engine;

import org.turboesm.attention.AttentionKernels;
import org.turboesm.esm2.EsmForward;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.KvCodec;

/** A host engine over a packed cache: the folded forward pass and the codec. */
final class HostTurboEngine implements TurboEngine {
  private final EsmForward forward;
  private final AttentionKernels kernels;
  private final KvCodec codec;

  HostTurboEngine(EsmForward forward, AttentionKernels kernels, KvCodec codec) {
    this.forward = forward;
    this.kernels = kernels;
    this.codec = codec;
  }

  @Override
  public float[] turbo(TokenBatch batch, ForwardObserver observer, RangeTally tally) {
    RangeMonitor ranges = new RangeMonitor(kernels, codec, tally);
    float[] hidden =
        forward.run(
            batch,
            new PackedSelfAttention(kernels, codec, batch.cuSeqlens(), true),
            ranges.beside(observer, batch));
    ranges.finish();
    return hidden;
  }

  @Override
  public DecodeSession prefill(
      TokenBatch prefixes,
      int[] capacities,
      KvPrecision precision,
      ForwardObserver observer,
      RangeTally tally) {
    boolean packed = precision == KvPrecision.PACKED;
    SessionCaches caches =
        packed
            ? new PackedSessionCaches(kernels, codec, capacities)
            : new FullSessionCaches(kernels, forward.config(), capacities);
    RangeMonitor ranges = new RangeMonitor(kernels, codec, packed ? tally : RangeTally.NONE);
    return new HostDecodeSession(forward, kernels, caches, ranges, prefixes, observer);
  }

  @Override
  public void close() {
    forward.close();
  }
}
