package org.turboesm.calibration;

import java.io.Serializable;

/**
 * Pass 1 of calibration: second moments of one layer's queries, keys and values, head by head, of
 * all tokens alike and of tokens weighed by {@link TokenImportance}. {@link #merge} is associative
 * and commutative to the last bit, so the artefact does not depend on how proteins were
 * partitioned.
 *
 * <p>Costs 6 heads headDim (headDim + 1) / 2 doubles, and as many multiplications a token.
 */
public final class MomentAccumulator implements Serializable {
  private static final long serialVersionUID = 1L;

  /** A protein is rounded by 5e-7, far below the variance of a single token. */
  private static final double QUANTUM = 0x1p-20;

  /** Importances are shares of a protein's output: their sums are smaller. */
  private static final double IMPORTANCE_QUANTUM = 0x1p-24;

  private long proteins;
  private long tokens;
  private final SecondMoments queries;
  private final SecondMoments keys;
  private final SecondMoments values;
  private final SecondMoments importantQueries;
  private final SecondMoments importantKeys;
  private final SecondMoments importantValues;

  public MomentAccumulator(int heads, int headDim) {
    this.queries = new SecondMoments(heads, headDim, QUANTUM);
    this.keys = new SecondMoments(heads, headDim, QUANTUM);
    this.values = new SecondMoments(heads, headDim, QUANTUM);
    this.importantQueries = new SecondMoments(heads, headDim, IMPORTANCE_QUANTUM);
    this.importantKeys = new SecondMoments(heads, headDim, IMPORTANCE_QUANTUM);
    this.importantValues = new SecondMoments(heads, headDim, IMPORTANCE_QUANTUM);
  }

  /**
   * Adds one whole protein.
   *
   * @param proteinQueries [tokens, heads, headDim], scaled and rotated
   * @param proteinKeys [tokens, heads, headDim], rotated
   * @param proteinValues [tokens, heads, headDim]
   * @param importance of its tokens; moments weighed by it are left out where all count alike
   * @param plain whether moments of all tokens alike are wanted
   */
  void addProtein(
      float[] proteinQueries,
      float[] proteinKeys,
      float[] proteinValues,
      TokenImportance importance,
      boolean plain) {
    int proteinTokens = importance.tokens();
    proteins++;
    tokens += proteinTokens;
    if (plain) {
      queries.add(proteinQueries, proteinTokens, null);
      keys.add(proteinKeys, proteinTokens, null);
      values.add(proteinValues, proteinTokens, null);
    }
    if (importance.keys() != null) {
      importantQueries.add(proteinQueries, proteinTokens, importance.queries());
      importantKeys.add(proteinKeys, proteinTokens, importance.keys());
      importantValues.add(proteinValues, proteinTokens, importance.values());
    }
  }

  /** Adds the other's moments to these, exactly, and returns these. */
  public MomentAccumulator merge(MomentAccumulator other) {
    proteins += other.proteins;
    tokens += other.tokens;
    queries.merge(other.queries);
    keys.merge(other.keys);
    values.merge(other.values);
    importantQueries.merge(other.importantQueries);
    importantKeys.merge(other.importantKeys);
    importantValues.merge(other.importantValues);
    return this;
  }

  /** Proteins added so far. */
  long proteins() {
    return proteins;
  }

  /** Tokens added so far. */
  public long tokens() {
    return tokens;
  }

  /** Of queries, of all tokens alike or weighed by importance. */
  SecondMoments queries(boolean important) {
    return important ? importantQueries : queries;
  }

  /** Of keys, likewise. */
  SecondMoments keys(boolean important) {
    return important ? importantKeys : keys;
  }

  /** Of values, likewise. */
  SecondMoments values(boolean important) {
    return important ? importantValues : values;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof MomentAccumulator that
        && proteins == that.proteins
        && tokens == that.tokens
        && queries.equals(that.queries)
        && keys.equals(that.keys)
        && values.equals(that.values)
        && importantQueries.equals(that.importantQueries)
        && importantKeys.equals(that.importantKeys)
        && importantValues.equals(that.importantValues);
  }

  @Override
  public int hashCode() {
    return 31 * keys.hashCode() + importantKeys.hashCode();
  }
}
