package org.turboesm.calibration;

import java.util.function.IntFunction;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.LinearWeights;

/**
 * W_o,h^T W_o,h of each head's columns of each layer's W_o: what an error of a head's output weighs
 * after the projection. Computed once a layer, when it is first asked for.
 *
 * <p>Costs hidden headDim floats a layer.
 */
public final class OutputGrams {
  private final EsmConfig config;
  private final IntFunction<LinearWeights> attentionOutput;
  private final float[][][][] layers;

  /**
   * @param attentionOutput W_o of a layer
   */
  public OutputGrams(EsmConfig config, IntFunction<LinearWeights> attentionOutput) {
    this.config = config;
    this.attentionOutput = attentionOutput;
    this.layers = new float[config.layers()][][][];
  }

  /** Of one layer, [heads][headDim][headDim]; not to be changed. */
  public synchronized float[][][] layer(int layer) {
    if (layers[layer] == null) {
      LinearWeights weights = attentionOutput.apply(layer);
      layers[layer] = new float[config.heads()][][];
      for (int h = 0; h < config.heads(); h++) {
        layers[layer][h] = gram(weights, h, config.headDim());
      }
    }
    return layers[layer];
  }

  private static float[][] gram(LinearWeights weights, int head, int headDim) {
    double[][] sum = new double[headDim][headDim];
    double[] row = new double[headDim];
    for (int output = 0; output < weights.outputs(); output++) {
      int offset = output * weights.inputs() + head * headDim;
      for (int i = 0; i < headDim; i++) {
        row[i] = weights.weight()[offset + i];
      }
      for (int i = 0; i < headDim; i++) {
        for (int j = 0; j < headDim; j++) {
          sum[i][j] += row[i] * row[j];
        }
      }
    }
    float[][] gram = new float[headDim][headDim];
    for (int i = 0; i < headDim; i++) {
      for (int j = 0; j < headDim; j++) {
        gram[i][j] = (float) sum[i][j];
      }
    }
    return gram;
  }
}
