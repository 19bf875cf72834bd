package org.turboesm.fidelity;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.turboesm.attention.AttentionKernels;
import org.turboesm.attention.vector.VectorAttentionKernels;
import org.turboesm.engine.LockstepDecoder;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;

/**
 * Counts how often keys and values of a batch leave the range that calibration saw, as it runs over
 * a packed cache. It looks at the first token of every eight of a protein, so that what it counts
 * depends on no batch-mates and is of the same tokens in one pass and in decode.
 *
 * <p>Values of the first layer are passed over: they depend on the residue alone, so that every
 * protein repeats the same few vectors. No protein leaves their range by being unlike others, but
 * rounding does, half of the time, where a residue is at an end of a channel's range: it put 3% of
 * the demo's values outside, in float32 as in bfloat16.
 *
 * <p>Not thread-safe.
 */
public final class RangeMonitor implements LockstepDecoder.Observer {
  private static final int TOKENS_A_LOOK = 8;

  private final AttentionKernels kernels = new VectorAttentionKernels();
  private final KvCodec codec;
  private final boolean[] looks;
  private final float[] key;
  private final HeadRangeCounts[][] counts;

  /**
   * @param codec of the engine that is observed
   * @param batch whole proteins
   */
  public RangeMonitor(KvCodec codec, TokenBatch batch) {
    this.codec = codec;
    this.looks = new boolean[batch.size()];
    for (int s = 0; s < batch.sequences(); s++) {
      for (int t = batch.cuSeqlens()[s]; t < batch.cuSeqlens()[s + 1]; t += TOKENS_A_LOOK) {
        looks[t] = true;
      }
    }
    this.key = new float[codec.head(0, 0).headDim()];
    this.counts =
        codec.heads().stream()
            .map(
                layer ->
                    layer.stream()
                        .map(head -> HeadRangeCounts.NONE)
                        .toArray(HeadRangeCounts[]::new))
            .toArray(HeadRangeCounts[][]::new);
  }

  /** Sees a pass over the batch as it is. */
  public ForwardObserver wholeBatch() {
    return observe(IntStream.range(0, looks.length).toArray());
  }

  @Override
  public ForwardObserver observe(int[] rows) {
    int[] tokens = IntStream.range(0, rows.length).filter(i -> looks[rows[i]]).toArray();
    if (tokens.length == 0) {
      return ForwardObserver.NONE;
    }
    return new ForwardObserver() {
      @Override
      public boolean seesHiddenStates() {
        return false;
      }

      @Override
      public void attention(
          int layer, float[] queries, float[] keys, float[] values, float[] output) {
        count(layer, tokens, keys, values);
      }
    };
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
      int headDim = head.headDim();
      long lookedAt = (long) tokens.length * headDim;
      long keysOutside = 0;
      long valuesOutside = 0;
      for (int token : tokens) {
        int offset = (token * heads.size() + h) * headDim;
        kernels.map(head.key(), keys, offset, key, 0);
        keysOutside += head.keyRange().outside(key, 0);
        if (layer > 0) {
          valuesOutside += head.valueRange().outside(values, offset);
        }
      }
      counts[layer][h] =
          counts[layer][h].plus(
              new HeadRangeCounts(lookedAt, keysOutside, layer > 0 ? lookedAt : 0, valuesOutside));
    }
  }

  /** What was counted so far. */
  public RangeCounts counts() {
    return new RangeCounts(Arrays.stream(counts).map(List::of).toList());
  }
}
