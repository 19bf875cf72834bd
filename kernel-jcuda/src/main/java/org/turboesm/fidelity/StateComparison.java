package org.turboesm.fidelity;

import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.Pooling;
import org.turboesm.esm2.EsmConfig;

/** The last hidden states, embeddings and logits of two runs of one protein. */
final class StateComparison {
  private final EsmEngine engine;
  private final float[] reference;
  private final float[] actual;
  private final int firstRow;
  private final int rows;

  /**
   * @param reference [rows, hidden], this protein's alone
   * @param actual [rows, hidden]
   * @param firstRow the first token to compare; the embedding is of all
   */
  StateComparison(EsmEngine engine, float[] reference, float[] actual, int firstRow) {
    this.engine = engine;
    this.reference = reference;
    this.actual = actual;
    this.firstRow = firstRow;
    this.rows = reference.length / engine.config().hiddenSize();
  }

  VectorComparison hidden() {
    int size = engine.config().hiddenSize();
    VectorComparison comparison = new VectorComparison(size);
    for (int r = firstRow; r < rows; r++) {
      comparison.addCosine(reference, actual, r * size);
      comparison.addError(reference, actual, r * size);
    }
    return comparison;
  }

  /** By position, which is 1 at the first token compared. */
  PositionFidelity positions() {
    int size = engine.config().hiddenSize();
    PositionComparison comparison = new PositionComparison();
    for (int r = firstRow; r < rows; r++) {
      double cosine = VectorComparison.cosine(reference, actual, r * size, size);
      comparison.add(r - firstRow + 1, cosine);
    }
    return comparison.result();
  }

  VectorComparison embedding() {
    int size = engine.config().hiddenSize();
    VectorComparison comparison = new VectorComparison(size);
    float[] expected = Pooling.mean(reference, 0, rows, size);
    float[] found = Pooling.mean(actual, 0, rows, size);
    comparison.addCosine(expected, found, 0);
    comparison.addError(expected, found, 0);
    return comparison;
  }

  /** Null where the model has no language-model head. */
  LogitAgreement logits() {
    if (!engine.hasLmHead()) {
      return null;
    }
    EsmConfig config = engine.config();
    float[] expected = engine.logits(reference, rows);
    float[] found = engine.logits(actual, rows);
    LogitAgreement agreement = new LogitAgreement();
    for (int r = firstRow; r < rows; r++) {
      agreement.add(expected, found, r, config.vocabularySize());
    }
    return agreement;
  }

  /** The whole-model figures, with those of attention, heads and pseudo-perplexity given. */
  ProteinFidelity fidelity(
      AttentionFidelity attention,
      double[][] headNmse,
      AttentionFidelity accumulated,
      PseudoPerplexity pseudoPerplexity,
      PseudoPerplexity referencePseudoPerplexity,
      long packedBytes) {
    EsmConfig config = engine.config();
    VectorComparison hidden = hidden();
    VectorComparison embedding = embedding();
    LogitAgreement logits = logits();
    long values = 2L * config.layers() * config.hiddenSize() * rows;
    return new ProteinFidelity(
        attention,
        headNmse,
        accumulated,
        hidden.meanCosine(),
        hidden.firstPercentileCosine(),
        hidden.minimumCosine(),
        hidden.nmse(),
        positions(),
        embedding.meanCosine(),
        embedding.nmse(),
        logits == null ? null : Double.valueOf(logits.meanDivergence()),
        logits == null ? null : Double.valueOf(logits.top1()),
        value(pseudoPerplexity),
        value(referencePseudoPerplexity),
        values * Float.BYTES,
        values * Short.BYTES,
        packedBytes);
  }

  private static Double value(PseudoPerplexity pseudoPerplexity) {
    if (pseudoPerplexity == null || Double.isNaN(pseudoPerplexity.value())) {
      return null;
    }
    return pseudoPerplexity.value();
  }
}
