package org.turboesm.engine;

import java.util.List;
import java.util.stream.IntStream;
import org.turboesm.attention.AttentionKernels;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;

/** Counts for a {@link RangeTally} on the host, in what passes show their observers. */
final class RangeMonitor {
  private final AttentionKernels kernels;
  private final KvCodec codec;
  private final RangeTally tally;
  private final float[] key;
  private final int[] outside;
  private long lookedAt;

  /**
   * @param codec of the engine that is observed
   */
  RangeMonitor(AttentionKernels kernels, KvCodec codec, RangeTally tally) {
    this.kernels = kernels;
    this.codec = codec;
    this.tally = tally;
    this.key = new float[codec.head(0, 0).headDim()];
    this.outside = new int[codec.heads().size() * codec.heads().get(0).size() * 2];
  }

  /** Counts beside an observer, where the tally wants it. */
  ForwardObserver beside(ForwardObserver observer, TokenBatch pass) {
    if (!tally.counting()) {
      return observer;
    }
    int[] positions = pass.positionOfToken();
    int[] tokens =
        IntStream.range(0, positions.length)
            .filter(t -> RangeTally.looksAt(positions[t]))
            .toArray();
    if (tokens.length == 0) {
      return observer;
    }
    lookedAt += tokens.length;
    return ForwardObserver.both(
        observer,
        new ForwardObserver() {
          @Override
          public boolean seesHiddenStates() {
            return false;
          }

          @Override
          public void attention(
              int layer, float[] queries, float[] keys, float[] values, float[] output) {
            count(layer, tokens, keys, values);
          }
        });
  }

  /**
   * @param tokens those of the pass that are looked at
   * @param keys [tokens of the pass, heads, headDim], not transformed
   * @param values [tokens of the pass, heads, headDim], transformed
   */
  private void count(int layer, int[] tokens, float[] keys, float[] values) {
    List<HeadCodec> heads = codec.heads().get(layer);
    for (int h = 0; h < heads.size(); h++) {
      HeadCodec head = heads.get(h);
      int counter = (layer * heads.size() + h) * 2;
      for (int token : tokens) {
        int offset = (token * heads.size() + h) * head.headDim();
        kernels.map(head.key(), keys, offset, key, 0);
        outside[counter] += head.keyRange().outside(key, 0);
        outside[counter + 1] += head.valueRange().outside(values, offset);
      }
    }
  }

  /** Gives the tally what was counted; once, at the end. */
  void finish() {
    if (tally.counting()) {
      tally.add(codec, lookedAt, outside);
    }
  }
}
