package org.turboesm.engine;

import org.turboesm.esm2.ForwardObserver;

/** Proteins that are decoded in lockstep, each over a cache of its own length. Not thread-safe. */
public interface DecodeSession extends AutoCloseable {

  /** The prefixes' last hidden states, [prefix tokens, hidden]. */
  float[] prefixHidden();

  /**
   * Decodes the next token of some of the sequences: each attends to all tokens of its cache and
   * itself, and is appended.
   *
   * @param sequences indices of the prefill batch, each at most once
   * @param tokens the token of each of them
   * @return the last hidden state of each, [sequences.length, hidden]
   */
  float[] decode(int[] sequences, int[] tokens, ForwardObserver observer);

  /** Bytes that the cache of one sequence takes. */
  long cacheBytes(int sequence);

  /** Frees the caches, and gives the tally of the prefill what was counted. */
  @Override
  void close();
}
