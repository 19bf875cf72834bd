package org.turboesm.engine;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.turboesm.kv.HeadRangeCounts;
import org.turboesm.kv.KvCodec;
import org.turboesm.kv.RangeCounts;

/**
 * How often keys and values left the range that calibration saw, in all that an engine was asked to
 * count over a packed cache. Engines look at the first token of every eight of a protein, so that
 * what is counted depends on no batch-mates and is of the same tokens in one pass and in decode.
 *
 * <p>Values of the first layer are passed over: they depend on the residue alone, so that every
 * protein repeats the same few vectors. No protein leaves their range by being unlike others, but
 * rounding does, half of the time, where a residue is at an end of a channel's range: it put 3% of
 * the demo's values outside, in float32 as in bfloat16.
 *
 * <p>Not thread-safe.
 */
public final class RangeTally {
  /** Of so many tokens of a protein, the first is looked at. */
  public static final int TOKENS_A_LOOK = 8;

  /** Asks for nothing to be counted. */
  public static final RangeTally NONE = new RangeTally(false);

  private final boolean counting;
  private RangeCounts counts = RangeCounts.NONE;

  private RangeTally(boolean counting) {
    this.counting = counting;
  }

  /** Nothing counted yet. */
  public RangeTally() {
    this(true);
  }

  /** Whether an engine is to count. */
  public boolean counting() {
    return counting;
  }

  /** Whether the token at a position of its protein is looked at. */
  public static boolean looksAt(int position) {
    return position % TOKENS_A_LOOK == 0;
  }

  /** How many of these tokens are looked at. */
  public static int lookedAt(int[] positions) {
    return (int) Arrays.stream(positions).filter(RangeTally::looksAt).count();
  }

  /** Adds what a pass or a session gave. */
  public void add(RangeCounts more) {
    if (!counting) {
      throw new IllegalStateException("nothing was to be counted");
    }
    counts = counts.plus(more);
  }

  /**
   * Adds what a pass or a session gave.
   *
   * @param lookedAt tokens
   * @param outside channels of these tokens that lay outside, [layers, heads, 2]: of keys and of
   *     values; those of the first layer's values are passed over
   */
  public void add(KvCodec codec, long lookedAt, int[] outside) {
    int heads = codec.heads().get(0).size();
    long channels = lookedAt * codec.head(0, 0).headDim();
    add(
        new RangeCounts(
            IntStream.range(0, codec.heads().size())
                .mapToObj(
                    layer ->
                        IntStream.range(0, heads)
                            .mapToObj(
                                head -> {
                                  int keys = (layer * heads + head) * 2;
                                  return layer == 0
                                      ? new HeadRangeCounts(channels, outside[keys], 0, 0)
                                      : new HeadRangeCounts(
                                          channels, outside[keys], channels, outside[keys + 1]);
                                })
                            .toList())
                .toList()));
  }

  /** What was counted so far; nothing where no pass was over a packed cache. */
  public RangeCounts counts() {
    return counts;
  }
}
