package org.turboesm.fidelity;

import org.turboesm.esm2.EsmTokenizer;

/**
 * Pseudo-perplexity (Salazar et al. 2020): exp of the mean negative log-likelihood of residues that
 * the model does not see. Residues are masked a seventh at a time, about the share ESM-2 was
 * trained with, so that seven passes see each masked once; masking one at a time would take as many
 * passes as there are residues.
 */
final class PseudoPerplexity {
  static final int FOLDS = 7;

  private double negativeLogLikelihood;
  private long residues;

  /** The protein with every seventh residue masked, from residue {@code fold} on. */
  static int[] masked(int[] tokens, int fold) {
    int[] masked = tokens.clone();
    for (int t = 1 + fold; t < tokens.length - 1; t += FOLDS) {
      masked[t] = EsmTokenizer.MASK;
    }
    return masked;
  }

  /** Whether a token is masked in this fold. */
  static boolean isMasked(int token, int length, int fold) {
    return token >= 1 && token < length - 1 && (token - 1) % FOLDS == fold;
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
