package org.turboesm.esm2;

import java.util.Arrays;
import java.util.List;
import org.turboesm.TurboEsmException;

/**
 * A ragged batch: the tokens of several sequences back to back, without padding.
 *
 * @param tokens [tokens]
 * @param cuSeqlens [sequences + 1], where each sequence starts, and the end
 * @param firstPositions [sequences], the rotary position of each sequence's first token: 0 for a
 *     whole protein, the cache's length for a token that is decoded
 * @param maskedFractions [sequences], the share of {@code <mask>} among the whole protein's tokens
 */
public record TokenBatch(
    int[] tokens, int[] cuSeqlens, int[] firstPositions, float[] maskedFractions) {

  public TokenBatch {
    if (cuSeqlens.length == 0 || cuSeqlens[0] != 0) {
      throw new IllegalArgumentException("cuSeqlens must start with 0");
    }
    for (int s = 1; s < cuSeqlens.length; s++) {
      if (cuSeqlens[s] <= cuSeqlens[s - 1]) {
        throw new IllegalArgumentException("sequence " + (s - 1) + " is empty");
      }
    }
    int sequences = cuSeqlens.length - 1;
    if (cuSeqlens[sequences] != tokens.length
        || firstPositions.length != sequences
        || maskedFractions.length != sequences) {
      throw new IllegalArgumentException("the parts of the batch differ in size");
    }
  }

  /** A batch of whole proteins, each as {@link EsmTokenizer#tokenize} gives it. */
  public static TokenBatch of(List<int[]> proteins) {
    if (proteins.isEmpty()) {
      throw new IllegalArgumentException("a batch needs at least one protein");
    }
    int[] cuSeqlens = new int[proteins.size() + 1];
    float[] maskedFractions = new float[proteins.size()];
    for (int s = 0; s < proteins.size(); s++) {
      int[] protein = proteins.get(s);
      cuSeqlens[s + 1] = Math.addExact(cuSeqlens[s], protein.length);
      maskedFractions[s] = maskedFraction(protein);
    }
    int[] tokens = new int[cuSeqlens[proteins.size()]];
    for (int s = 0; s < proteins.size(); s++) {
      System.arraycopy(proteins.get(s), 0, tokens, cuSeqlens[s], proteins.get(s).length);
    }
    return new TokenBatch(tokens, cuSeqlens, new int[proteins.size()], maskedFractions);
  }

  /** The share of {@code <mask>} among a protein's tokens. */
  public static float maskedFraction(int[] protein) {
    if (protein.length == 0) {
      throw new IllegalArgumentException("a protein without tokens");
    }
    int masked = 0;
    for (int token : protein) {
      if (token == EsmTokenizer.MASK) {
        masked++;
      }
    }
    if (masked == protein.length) {
      throw new TurboEsmException("a protein of " + masked + " tokens is masked as a whole");
    }
    return (float) masked / protein.length;
  }

  public int sequences() {
    return cuSeqlens.length - 1;
  }

  public int size() {
    return tokens.length;
  }

  /** One more than the largest rotary position. */
  public int positions() {
    int positions = 0;
    for (int s = 0; s < sequences(); s++) {
      positions = Math.max(positions, firstPositions[s] + length(s));
    }
    return positions;
  }

  /** [tokens], the rotary position of each. */
  public int[] positionOfToken() {
    int[] positions = new int[size()];
    for (int s = 0; s < sequences(); s++) {
      for (int t = cuSeqlens[s]; t < cuSeqlens[s + 1]; t++) {
        positions[t] = firstPositions[s] + t - cuSeqlens[s];
      }
    }
    return positions;
  }

  /** [sequences], tokens of each. */
  public int[] lengths() {
    int[] lengths = new int[sequences()];
    Arrays.setAll(lengths, this::length);
    return lengths;
  }

  /** Tokens of one sequence. */
  public int length(int sequence) {
    return cuSeqlens[sequence + 1] - cuSeqlens[sequence];
  }
}
