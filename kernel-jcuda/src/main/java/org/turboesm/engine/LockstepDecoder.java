package org.turboesm.engine;

import java.util.Arrays;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;

/**
 * Decodes the proteins of a batch side by side: one step takes the next token of every protein that
 * has one, so that the linear layers see many rows. Each protein has its own prefix and length.
 */
public final class LockstepDecoder {
  private final TurboEngine engine;
  private final KvPrecision precision;
  private final Observer observer;
  private final RangeTally tally;

  /** Sees each pass of a decode together with the batch's rows that it computes. */
  public interface Observer {
    /** Sees nothing. */
    Observer NONE = rows -> ForwardObserver.NONE;

    /**
     * Called before each pass.
     *
     * @param rows the index in the batch of each token of the pass
     * @return sees the pass
     */
    ForwardObserver observe(int[] rows);
  }

  /** Decodes over caches of the given precision, seen by {@code observer}. */
  public LockstepDecoder(TurboEngine engine, KvPrecision precision, Observer observer) {
    this(engine, precision, observer, RangeTally.NONE);
  }

  /** Has the engine also count keys and values outside of the calibrated range. */
  public LockstepDecoder(
      TurboEngine engine, KvPrecision precision, Observer observer, RangeTally tally) {
    this.engine = engine;
    this.precision = precision;
    this.observer = observer;
    this.tally = tally;
  }

  /** Decodes a batch without observing it. */
  public static DecodedBatch decode(
      TurboEngine engine, TokenBatch batch, Prefill prefill, KvPrecision precision) {
    return new LockstepDecoder(engine, precision, Observer.NONE).decode(batch, prefill);
  }

  /** Prefills each protein's first tokens and decodes the rest. */
  public DecodedBatch decode(TokenBatch batch, Prefill prefill) {
    int sequences = batch.sequences();
    int[] lengths = new int[sequences];
    for (int s = 0; s < sequences; s++) {
      lengths[s] = prefill.tokens(batch.length(s));
    }
    int[] prefixRows = prefixRows(batch, lengths);
    try (DecodeSession session =
        engine.prefill(
            prefixes(batch, lengths, prefixRows),
            batch.lengths(),
            precision,
            observer.observe(prefixRows),
            tally)) {
      float[] hidden = decodeRest(session, batch, prefixRows, lengths);
      long[] cacheBytes = new long[sequences];
      Arrays.setAll(cacheBytes, session::cacheBytes);
      return new DecodedBatch(hidden, cacheBytes);
    }
  }

  /**
   * @param lengths [sequences], tokens cached already; counted on
   * @return [tokens, hidden], the prefixes' states too
   */
  private float[] decodeRest(
      DecodeSession session, TokenBatch batch, int[] prefixRows, int[] lengths) {
    int hiddenSize = session.prefixHidden().length / prefixRows.length;
    float[] hidden = new float[batch.size() * hiddenSize];
    place(session.prefixHidden(), prefixRows, hiddenSize, hidden);
    for (int[] active = active(batch, lengths);
        active.length > 0;
        active = active(batch, lengths)) {
      int[] rows = new int[active.length];
      int[] tokens = new int[active.length];
      for (int i = 0; i < active.length; i++) {
        int s = active[i];
        rows[i] = batch.cuSeqlens()[s] + lengths[s];
        tokens[i] = batch.tokens()[rows[i]];
        lengths[s]++;
      }
      place(session.decode(active, tokens, observer.observe(rows)), rows, hiddenSize, hidden);
    }
    return hidden;
  }

  private static int[] active(TokenBatch batch, int[] lengths) {
    int[] active = new int[lengths.length];
    int count = 0;
    for (int s = 0; s < lengths.length; s++) {
      if (lengths[s] < batch.length(s)) {
        active[count++] = s;
      }
    }
    return Arrays.copyOf(active, count);
  }

  private static int[] prefixRows(TokenBatch batch, int[] lengths) {
    int[] rows = new int[Arrays.stream(lengths).sum()];
    int row = 0;
    for (int s = 0; s < lengths.length; s++) {
      for (int t = 0; t < lengths[s]; t++) {
        rows[row++] = batch.cuSeqlens()[s] + t;
      }
    }
    return rows;
  }

  private static TokenBatch prefixes(TokenBatch batch, int[] lengths, int[] rows) {
    int[] tokens = new int[rows.length];
    Arrays.setAll(tokens, i -> batch.tokens()[rows[i]]);
    int[] cuSeqlens = new int[lengths.length + 1];
    for (int s = 0; s < lengths.length; s++) {
      cuSeqlens[s + 1] = cuSeqlens[s] + lengths[s];
    }
    return new TokenBatch(tokens, cuSeqlens, new int[lengths.length], batch.maskedFractions());
  }

  private static void place(float[] source, int[] rows, int hiddenSize, float[] target) {
    for (int i = 0; i < rows.length; i++) {
      System.arraycopy(source, i * hiddenSize, target, rows[i] * hiddenSize, hiddenSize);
    }
  }
}
