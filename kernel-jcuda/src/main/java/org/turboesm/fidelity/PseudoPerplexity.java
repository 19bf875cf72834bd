package org.turboesm.fidelity;

import org.turboesm.esm2.EsmTokenizer;

/**
 * Pseudo-perplexity (Salazar et al. 2020): exp of the mean negative log-likelihood of residues that
 * the model does not see. Every seventh residue is masked, from the first on, all in one pass:
 * about the share ESM-2 was trained with, at the cost of one pass where masking residue by residue
 * takes as many passes as there are residues. Two runs are compared on the same residues.
 */
final class PseudoPerplexity {
  private static final int STRIDE = 7;

  private double negativeLogLikelihood;
  private long residues;

  /** The protein with every seventh residue masked. */
  static int[] masked(int[] tokens) {
    int[] masked = tokens.clone();
    for (int t = 0; t < tokens.length; t++) {
      if (isMasked(t, tokens.length)) {
        masked[t] = EsmTokenizer.MASK;
      }
    }
    return masked;
  }

  /** Whether a token of a protein, {@code <cls>} and {@code <eos>} counted, is masked. */
  static boolean isMasked(int token, int length) {
    return token < length - 1 && token % STRIDE == 1;
  }

  /** Adds the true token of one masked residue. */
  void add(float[] logits, int row, int vocabulary, int token) {
    negativeLogLikelihood -= LogitAgreement.logSoftmax(logits, row, vocabulary)[token];
    residues++;
  }

  /** NaN where no residue was added. */
  double value() {
    return Math.exp(negativeLogLikelihood / residues);
  }
}
