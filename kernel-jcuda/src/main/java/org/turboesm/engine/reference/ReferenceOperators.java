package org.turboesm.engine.reference;

import org.turboesm.esm2.EsmOperators;
import org.turboesm.esm2.LayerNormWeights;
import org.turboesm.esm2.Linear;
import org.turboesm.esm2.LinearWeights;

/** Plain loops that accumulate in double. */
public final class ReferenceOperators implements EsmOperators {

  @Override
  public Linear linear(LinearWeights weights, Linear.Epilogue epilogue) {
    return new ReferenceLinear(weights, epilogue);
  }

  @Override
  public void layerNorm(
      float[] input, int rows, LayerNormWeights weights, float eps, float[] output) {
    int size = weights.weight().length;
    for (int r = 0; r < rows; r++) {
      int offset = r * size;
      double mean = 0;
      for (int c = 0; c < size; c++) {
        mean += input[offset + c];
      }
      mean /= size;
      double variance = 0;
      for (int c = 0; c < size; c++) {
        double deviation = input[offset + c] - mean;
        variance += deviation * deviation;
      }
      double scale = 1 / Math.sqrt(variance / size + eps);
      for (int c = 0; c < size; c++) {
        double normed = (input[offset + c] - mean) * scale;
        output[offset + c] = (float) (normed * weights.weight()[c] + weights.bias()[c]);
      }
    }
  }

  private record ReferenceLinear(LinearWeights weights, Epilogue epilogue) implements Linear {
    @Override
    public void apply(float[] input, int rows, float[] output) {
      int inputs = weights.inputs();
      int outputs = weights.outputs();
      for (int r = 0; r < rows; r++) {
        for (int o = 0; o < outputs; o++) {
          double sum = weights.bias()[o];
          for (int i = 0; i < inputs; i++) {
            sum += (double) weights.weight()[o * inputs + i] * input[r * inputs + i];
          }
          int target = r * outputs + o;
          output[target] =
              switch (epilogue) {
                case NONE -> (float) sum;
                case GELU -> (float) Gelu.exact(sum);
                case ADD -> (float) (output[target] + sum);
              };
        }
      }
    }

    @Override
    public int outputs() {
      return weights.outputs();
    }

    @Override
    public void close() {}
  }
}
