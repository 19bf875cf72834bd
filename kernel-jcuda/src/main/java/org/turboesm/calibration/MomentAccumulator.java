package org.turboesm.calibration;

import java.io.Serializable;
import java.util.Objects;

/**
 * Pass 1 of calibration: second moments of one layer's queries, keys and values, head by head, of
 * all tokens alike and of tokens weighed by {@link TokenImportance}. {@link #merge} is associative
 * and commutative to the last bit, so the artefact does not depend on how proteins were
 * partitioned.
 *
 * <p>Each of the two kinds costs 3 heads headDim (headDim + 1) / 2 doubles, and as many
 * multiplications a token.
 */
public final class MomentAccumulator implements Serializable {
  private static final long serialVersionUID = 1L;

  /** A protein is rounded by 5e-7, far below the variance of a single token. */
  private static final double QUANTUM = 0x1p-20;

  /** Importances are shares of a protein's output, so that their sums are smaller. */
  private static final double IMPORTANCE_QUANTUM = 0x1p-24;

  private long proteins;
  private long tokens;
  private final SecondMoments queries;
  private final SecondMoments keys;
  private final SecondMoments values;
  private final SecondMoments importantQueries;
  private final SecondMoments importantKeys;
  private final SecondMoments importantValues;

  /**
   * An accumulator of either or both kinds.
   *
   * @param plain whether moments of all tokens alike are wanted
   * @param important whether moments weighed by importance are
   */
  public MomentAccumulator(int heads, int headDim, boolean plain, boolean important) {
    this.queries = plain ? new SecondMoments(heads, headDim, QUANTUM) : null;
    this.keys = plain ? new SecondMoments(heads, headDim, QUANTUM) : null;
    this.values = plain ? new SecondMoments(heads, headDim, QUANTUM) : null;
    this.importantQueries =
        important ? new SecondMoments(heads, headDim, IMPORTANCE_QUANTUM) : null;
    this.importantKeys = important ? new SecondMoments(heads, headDim, IMPORTANCE_QUANTUM) : null;
    this.importantValues = important ? new SecondMoments(heads, headDim, IMPORTANCE_QUANTUM) : null;
  }

  /**
   * Adds one whole protein.
   *
   * @param proteinQueries [tokens, heads, headDim], scaled and rotated
   * @param proteinKeys [tokens, heads, headDim], rotated
   * @param proteinValues [tokens, heads, headDim]
   * @param importance of its tokens
   */
  void addProtein(
      float[] proteinQueries,
      float[] proteinKeys,
      float[] proteinValues,
      TokenImportance importance) {
    int proteinTokens = importance.tokens();
    proteins++;
    tokens += proteinTokens;
    if (queries != null) {
      queries.add(proteinQueries, proteinTokens, null);
      keys.add(proteinKeys, proteinTokens, null);
      values.add(proteinValues, proteinTokens, null);
    }
    if (importantQueries != null) {
      importantQueries.add(proteinQueries, proteinTokens, importance.queries());
      importantKeys.add(proteinKeys, proteinTokens, importance.keys());
      importantValues.add(proteinValues, proteinTokens, importance.values());
    }
  }

  /** Adds the other's moments to these, exactly, and returns these. */
  public MomentAccumulator merge(MomentAccumulator other) {
    proteins += other.proteins;
    tokens += other.tokens;
    if (queries != null) {
      queries.merge(other.queries);
      keys.merge(other.keys);
      values.merge(other.values);
    }
    if (importantQueries != null) {
      importantQueries.merge(other.importantQueries);
      importantKeys.merge(other.importantKeys);
      importantValues.merge(other.importantValues);
    }
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
        && Objects.equals(queries, that.queries)
        && Objects.equals(keys, that.keys)
        && Objects.equals(values, that.values)
        && Objects.equals(importantQueries, that.importantQueries)
        && Objects.equals(importantKeys, that.importantKeys)
        && Objects.equals(importantValues, that.importantValues);
  }

  @Override
  public int hashCode() {
    return Objects.hash(keys, importantKeys);
  }
}
