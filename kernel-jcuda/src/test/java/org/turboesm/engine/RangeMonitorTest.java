package org.turboesm.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.turboesm.attention.reference.ReferenceAttentionKernels;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.AffineMap;
import org.turboesm.kv.ChannelRange;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.HeadRangeCounts;
import org.turboesm.kv.KvCodec;
import org.turboesm.kv.RandomCodec;
import org.turboesm.kv.RangeCounts;

/** Two layers of two heads of four channels; all that is not set lies inside. */
class RangeMonitorTest {
  private static final int LAYERS = 2;
  private static final int HEADS = 2;
  private static final int HEAD_DIM = 4;

  /** Keys are doubled and one is added; they must then lie in [-1, 3], and values in [-2, 2]. */
  private static final KvCodec CODEC = codec(range(-1, 3), range(-2, 2));

  private static KvCodec codec(ChannelRange keyRange, ChannelRange valueRange) {
    HeadCodec plain = RandomCodec.identity(HEAD_DIM);
    double[][] twice = new double[HEAD_DIM][HEAD_DIM];
    for (int c = 0; c < HEAD_DIM; c++) {
      twice[c][c] = 2;
    }
    HeadCodec head =
        new HeadCodec(
            AffineMap.of(twice, new double[] {1, 1, 1, 1}),
            plain.query(),
            plain.value(),
            plain.output(),
            plain.keyCodebook(),
            plain.valueCodebook(),
            false,
            keyRange,
            valueRange);
    return new KvCodec(List.of(List.of(head, head), List.of(head, head)), true);
  }

  private static ChannelRange range(float lowest, float highest) {
    float[] low = new float[HEAD_DIM];
    float[] high = new float[HEAD_DIM];
    Arrays.fill(low, lowest);
    Arrays.fill(high, highest);
    return new ChannelRange(low, high);
  }

  private static TokenBatch batch(int... lengths) {
    return TokenBatch.of(Arrays.stream(lengths).mapToObj(int[]::new).toList());
  }

  private static float[] inside(TokenBatch batch) {
    return new float[batch.size() * HEADS * HEAD_DIM];
  }

  private static void put(float[] rows, int token, int head, int channel, float value) {
    rows[(token * HEADS + head) * HEAD_DIM + channel] = value;
  }

  private static RangeCounts turbo(KvCodec codec, TokenBatch batch, float[] keys, float[] values) {
    RangeTally tally = new RangeTally();
    RangeMonitor monitor = new RangeMonitor(new ReferenceAttentionKernels(), codec, tally);
    ForwardObserver observer = monitor.beside(ForwardObserver.NONE, batch);
    for (int layer = 0; layer < LAYERS; layer++) {
      observer.attention(layer, new float[0], keys, values, new float[0]);
    }
    monitor.finish();
    return tally.counts();
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "8, 1", "9, 2", "33, 5"})
  void looksAtTheFirstTokenOfEveryEight(int length, int looked) {
    TokenBatch batch = batch(length);
    float[] keys = inside(batch);
    float[] values = inside(batch);
    for (int t = 0; t < length; t++) {
      // Of tokens that are passed over, all is outside.
      for (int c = t % 8 == 0 ? 3 : 0; c < HEAD_DIM; c++) {
        put(keys, t, 1, c, 1.5f);
        put(values, t, 0, c, -2.5f);
        put(values, t, 1, c, 2.5f);
      }
      put(values, t, 1, 0, 2.5f);
    }
    long each = (long) looked * HEAD_DIM;
    assertThat(turbo(CODEC, batch, keys, values).heads())
        .containsExactly(
            List.of(new HeadRangeCounts(each, 0, 0, 0), new HeadRangeCounts(each, looked, 0, 0)),
            List.of(
                new HeadRangeCounts(each, 0, each, looked),
                new HeadRangeCounts(each, looked, each, 2L * looked)));
  }

  @Test
  void looksAtEachProteinOfABatchByItself() {
    int[] lengths = {1, 8, 9, 33};
    RangeCounts sum = RangeCounts.NONE;
    for (int length : lengths) {
      TokenBatch alone = batch(length);
      float[] rows = inside(alone);
      put(rows, length - 1, 0, 2, 9);
      sum = sum.plus(turbo(CODEC, alone, rows, rows));
    }
    TokenBatch batch = batch(lengths);
    float[] rows = inside(batch);
    for (int s = 0; s < lengths.length; s++) {
      put(rows, batch.cuSeqlens()[s + 1] - 1, 0, 2, 9);
    }
    RangeCounts together = turbo(CODEC, batch, rows, rows);
    assertThat(together).isEqualTo(sum);
    // 9 tokens of 2 heads of 4 channels: keys of two layers, values of one. The last tokens of
    // lengths 1, 9 and 33 are looked at.
    assertThat(together.lookedAt()).isEqualTo(9 * 8 * 3);
    assertThat(together.outside()).isEqualTo(3 * 3);
    assertThat(together.share()).isEqualTo(9.0 / 216);
    // Keys and values of 9 tokens, 4 channels each; layer 0 has its keys alone.
    assertThat(together.worst()).contains(new RangeCounts.Worst(0, 0, 3.0 / 36));
  }

  @Test
  void decodeLooksAtTheTokensOfOnePass() {
    TokenBatch batch = batch(9, 33);
    float[] keys = inside(batch);
    float[] values = inside(batch);
    for (int t = 0; t < batch.size(); t++) {
      put(keys, t, t % 2, t % 4, 1 + t);
      put(values, t, 1, t % 3, -2 - t);
    }
    RangeTally tally = new RangeTally();
    RangeMonitor monitor = new RangeMonitor(new ReferenceAttentionKernels(), CODEC, tally);
    // Prefixes of 5 and 16 tokens, then one token of each protein that has one.
    int[] prefixes = new int[21];
    Arrays.setAll(prefixes, i -> i < 5 ? i : 9 + i - 5);
    see(monitor, pass(new int[] {0, 0}, 5, 16), keys, values, prefixes);
    for (int step = 0; step < 17; step++) {
      if (step < 4) {
        see(
            monitor,
            pass(new int[] {5 + step, 16 + step}, 1, 1),
            keys,
            values,
            new int[] {5 + step, 25 + step});
      } else {
        see(monitor, pass(new int[] {16 + step}, 1), keys, values, new int[] {25 + step});
      }
    }
    monitor.finish();
    RangeCounts counts = tally.counts();
    assertThat(counts).isEqualTo(turbo(CODEC, batch, keys, values));
    assertThat(counts.lookedAt()).isEqualTo(7 * 8 * 3);
    assertThat(counts.outside()).isPositive();
  }

  /** A pass whose sequences begin at the given positions. */
  private static TokenBatch pass(int[] firstPositions, int... lengths) {
    TokenBatch batch = batch(lengths);
    return new TokenBatch(
        batch.tokens(), batch.cuSeqlens(), firstPositions, batch.maskedFractions());
  }

  private static void see(
      RangeMonitor monitor, TokenBatch pass, float[] keys, float[] values, int[] rows) {
    ForwardObserver observer = monitor.beside(ForwardObserver.NONE, pass);
    for (int layer = 0; layer < LAYERS; layer++) {
      observer.attention(
          layer, new float[0], gather(keys, rows), gather(values, rows), new float[0]);
    }
  }

  private static float[] gather(float[] source, int[] rows) {
    int width = HEADS * HEAD_DIM;
    float[] target = new float[rows.length * width];
    for (int i = 0; i < rows.length; i++) {
      System.arraycopy(source, rows[i] * width, target, i * width, width);
    }
    return target;
  }

  @Test
  void theEndsOfARangeAreInside() {
    TokenBatch batch = batch(1);
    float[] keys = inside(batch);
    float[] values = inside(batch);
    // Keys are in [-1, 1], values in [-2, 2], and a 64th of that is left at each end.
    put(keys, 0, 0, 0, 1.03125f);
    put(keys, 0, 0, 1, -1.03125f);
    put(values, 0, 0, 0, 2.0625f);
    put(values, 0, 0, 1, -2.0625f);
    assertThat(turbo(CODEC, batch, keys, values).outside()).isZero();
    put(keys, 0, 0, 1, -1.0323f);
    put(values, 0, 0, 0, Math.nextUp(2.0625f));
    // The key in both layers, the value in the second.
    assertThat(turbo(CODEC, batch, keys, values).outside()).isEqualTo(3);
  }

  @Test
  void notANumberIsOutside() {
    TokenBatch batch = batch(1);
    float[] keys = inside(batch);
    float[] values = inside(batch);
    put(values, 0, 1, 3, Float.NaN);
    assertThat(turbo(CODEC, batch, keys, values).heads().get(1).get(1))
        .isEqualTo(new HeadRangeCounts(4, 0, 4, 1));
    put(keys, 0, 0, 0, Float.NaN);
    // A diagonal map still multiplies every channel, and 0 * NaN is NaN.
    assertThat(turbo(CODEC, batch, keys, values).heads().get(0).get(0))
        .isEqualTo(new HeadRangeCounts(4, 4, 0, 0));
  }

  @Test
  void aTallyThatWantsNothingLeavesObserversAlone() {
    TokenBatch batch = batch(9);
    RangeMonitor monitor =
        new RangeMonitor(new ReferenceAttentionKernels(), CODEC, RangeTally.NONE);
    assertThat(monitor.beside(ForwardObserver.NONE, batch)).isSameAs(ForwardObserver.NONE);
    monitor.finish();
    assertThat(RangeTally.NONE.counts()).isEqualTo(RangeCounts.NONE);
    assertThatThrownBy(() -> RangeTally.NONE.add(RangeCounts.NONE))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void unboundedRangesNeverAlarm() {
    TokenBatch batch = batch(9);
    float[] rows = inside(batch);
    Arrays.fill(rows, 1e30f);
    rows[0] = Float.POSITIVE_INFINITY;
    rows[1] = -1e30f;
    ChannelRange any = ChannelRange.unbounded(HEAD_DIM);
    float[] keys = inside(batch);
    Arrays.fill(keys, -1e30f);
    RangeCounts counts = turbo(codec(any, any), batch, keys, rows);
    assertThat(counts.lookedAt()).isEqualTo(2 * 8 * 3);
    assertThat(counts.outside()).isZero();
    assertThat(counts.alarm(Long.MAX_VALUE - 1)).isFalse();
    assertThat(turbo(CODEC, batch, keys, rows).alarm(1000)).isTrue();
  }

  @Test
  void alarmsAboveAMultipleOfTheExpectedShare() {
    assertThat(RangeCounts.expectedShare(1999)).isEqualTo(0.001);
    assertThat(ofShare(15).alarm(1999)).isFalse();
    assertThat(ofShare(16).alarm(1999)).isTrue();
    assertThat(RangeCounts.NONE.alarm(1999)).isFalse();
    assertThat(RangeCounts.NONE.worst()).isEmpty();
  }

  /** Of a thousand. */
  private static RangeCounts ofShare(long outside) {
    return new RangeCounts(List.of(List.of(new HeadRangeCounts(500, outside, 500, 0))));
  }

  @Test
  void countsOfOtherModelsAreRefused() {
    RangeCounts one = ofShare(1);
    HeadRangeCounts head = one.heads().get(0).get(0);
    assertThatThrownBy(() -> one.plus(new RangeCounts(List.of(List.of(head, head)))))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> one.plus(new RangeCounts(List.of(List.of(head), List.of(head)))))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
