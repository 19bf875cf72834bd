package org.turboesm.engine;

import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;

/**
 * A model that runs over a packed KV cache. Observers see values and attention outputs in the
 * codec's transformed coordinates, queries and keys as they are.
 */
public interface TurboEngine extends AutoCloseable {

  /**
   * The bidirectional pass in which every layer's attention reads keys and values back from a
   * packed cache, every token of them quantized.
   *
   * @param tally is given how often keys and values left the calibrated range
   * @return the last hidden state, [tokens, hidden]
   */
  float[] turbo(TokenBatch batch, ForwardObserver observer, RangeTally tally);

  /** The same without counting. */
  default float[] turbo(TokenBatch batch, ForwardObserver observer) {
    return turbo(batch, observer, RangeTally.NONE);
  }

  /**
   * The mean embeddings that {@link #turbo} leads to, as {@link EsmEngine#meanEmbeddings}.
   *
   * @return [sequences, hidden]
   */
  default float[] meanEmbeddings(TokenBatch batch, ForwardObserver observer, RangeTally tally) {
    return Pooling.means(turbo(batch, observer, tally), batch);
  }

  /**
   * Prefills a cache for each sequence: the prefixes run bidirectionally among themselves with
   * full-precision attention, and their keys and values are cached and stay as they are.
   *
   * @param prefixes the first tokens of each protein; maskedFractions are those of the whole
   *     proteins
   * @param capacities [sequences], tokens that each cache is to hold in the end, the prefix too;
   *     decoding more is an error on engines that reserve the room
   * @param tally is given, when the session is closed, how often keys and values of the prefill and
   *     of all steps left the calibrated range; nothing is counted where no cache is packed
   * @return to be closed before this engine
   */
  DecodeSession prefill(
      TokenBatch prefixes,
      int[] capacities,
      KvPrecision precision,
      ForwardObserver observer,
      RangeTally tally);

  /** The same without counting. */
  default DecodeSession prefill(
      TokenBatch prefixes, int[] capacities, KvPrecision precision, ForwardObserver observer) {
    return prefill(prefixes, capacities, precision, observer, RangeTally.NONE);
  }

  @Override
  void close();
}
