package org.turboesm.fidelity;

import java.util.function.IntFunction;
import java.util.function.ToDoubleFunction;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.RowErrors;
import org.turboesm.esm2.EsmConfig;

/** Attention outputs of one protein against their references, layer by layer. */
final class AttentionComparison {
  private final VectorComparison[] layers;

  AttentionComparison(EsmConfig config) {
    this.layers = new VectorComparison[config.layers()];
    for (int l = 0; l < layers.length; l++) {
      layers[l] = new VectorComparison(config.hiddenSize());
    }
  }

  /**
   * Adds the tokens of one layer, each to the comparison of its protein.
   *
   * @param reference [rows, heads, headDim]
   * @param actual [rows, heads, headDim]
   * @param ofRow the comparison of each row's protein
   */
  static void add(
      EsmEngine engine,
      int layer,
      float[] reference,
      float[] actual,
      int rows,
      IntFunction<AttentionComparison> ofRow) {
    int hidden = engine.config().hiddenSize();
    RowErrors errors = engine.projectedErrors(layer, reference, actual, rows);
    for (int r = 0; r < rows; r++) {
      VectorComparison comparison = ofRow.apply(r).layers[layer];
      comparison.addCosine(reference, actual, r * hidden);
      comparison.addError(errors, r);
    }
  }

  /** Sum of |W_o o + b_o|^2 over the tokens added. */
  double squaredReference(int layer) {
    return layers[layer].squaredReference();
  }

  AttentionFidelity result() {
    return new AttentionFidelity(
        each(VectorComparison::meanCosine),
        each(VectorComparison::firstPercentileCosine),
        each(VectorComparison::minimumCosine),
        each(VectorComparison::nmse));
  }

  private double[] each(ToDoubleFunction<VectorComparison> figure) {
    double[] values = new double[layers.length];
    for (int l = 0; l < values.length; l++) {
      values[l] = figure.applyAsDouble(layers[l]);
    }
    return values;
  }
}
