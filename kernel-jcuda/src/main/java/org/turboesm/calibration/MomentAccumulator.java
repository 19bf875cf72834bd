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
  private final Moments plain;
  private final Moments important;

  /** Of one kind. */
  private record Moments(SecondMoments queries, SecondMoments keys, SecondMoments values)
      implements Serializable {
    static Moments of(int heads, int headDim, double quantum) {
      return new Moments(
          new SecondMoments(heads, headDim, quantum),
          new SecondMoments(heads, headDim, quantum),
          new SecondMoments(heads, headDim, quantum));
    }

    void merge(Moments other) {
      queries.merge(other.queries);
      keys.merge(other.keys);
      values.merge(other.values);
    }
  }

  /**
   * An accumulator of either or both kinds.
   *
   * @param plain whether moments of all tokens alike are wanted
   * @param important whether moments weighed by importance are
   */
  public MomentAccumulator(int heads, int headDim, boolean plain, boolean important) {
    this.plain = plain ? Moments.of(heads, headDim, QUANTUM) : null;
    this.important = important ? Moments.of(heads, headDim, IMPORTANCE_QUANTUM) : null;
  }

  /**
   * Adds one whole protein.
   *
   * @param queries [tokens, heads, headDim], scaled and rotated
   * @param keys [tokens, heads, headDim], rotated
   * @param values [tokens, heads, headDim]
   * @param importance of its tokens
   */
  void addProtein(float[] queries, float[] keys, float[] values, TokenImportance importance) {
    int proteinTokens = importance.tokens();
    proteins++;
    tokens += proteinTokens;
    if (plain != null) {
      plain.queries.add(queries, proteinTokens, null);
      plain.keys.add(keys, proteinTokens, null);
      plain.values.add(values, proteinTokens, null);
    }
    if (important != null) {
      important.queries.add(queries, proteinTokens, importance.queries());
      important.keys.add(keys, proteinTokens, importance.keys());
      important.values.add(values, proteinTokens, importance.values());
    }
  }

  /** Adds the other's moments to these, exactly, and returns these. */
  public MomentAccumulator merge(MomentAccumulator other) {
    proteins += other.proteins;
    tokens += other.tokens;
    if (plain != null) {
      plain.merge(other.plain);
    }
    if (important != null) {
      important.merge(other.important);
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

  /** Of queries, weighed by importance or of all tokens alike. */
  SecondMoments queries(boolean byImportance) {
    return moments(byImportance).queries;
  }

  /** Of keys, likewise. */
  SecondMoments keys(boolean byImportance) {
    return moments(byImportance).keys;
  }

  /** Of values, likewise. */
  SecondMoments values(boolean byImportance) {
    return moments(byImportance).values;
  }

  private Moments moments(boolean byImportance) {
    return byImportance ? important : plain;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof MomentAccumulator that
        && proteins == that.proteins
        && tokens == that.tokens
        && Objects.equals(plain, that.plain)
        && Objects.equals(important, that.important);
  }

  @Override
  public int hashCode() {
    return Objects.hash(plain, important);
  }
}
