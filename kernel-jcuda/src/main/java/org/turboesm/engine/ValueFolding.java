package org.turboesm.engine;

import java.util.Arrays;
import java.util.List;
import org.turboesm.esm2.EsmForward.ValueProjections;
import org.turboesm.esm2.LinearWeights;
import org.turboesm.kv.AffineMap;
import org.turboesm.kv.HeadCodec;

/**
 * Folds the heads' value transforms into W_v and W_o. Values have no rotary embedding, so v' = B (v
 * - m) is the projection by B W_v with bias B (b_v - m); and W_o takes B^-1, its bias W_o m.
 */
public final class ValueFolding {
  private ValueFolding() {}

  /** The folded projections of one layer. */
  public static ValueProjections fold(List<HeadCodec> heads, ValueProjections plain) {
    return new ValueProjections(
        foldValue(heads, plain.value()), foldOutput(heads, plain.attentionOutput()));
  }

  private static LinearWeights foldValue(List<HeadCodec> heads, LinearWeights value) {
    int inputs = value.inputs();
    float[] weight = new float[value.weight().length];
    float[] bias = new float[value.outputs()];
    for (int h = 0; h < heads.size(); h++) {
      AffineMap map = heads.get(h).value();
      int first = h * map.size();
      double[] row = new double[inputs];
      for (int r = 0; r < map.size(); r++) {
        Arrays.fill(row, 0);
        double rowBias = map.bias()[r];
        for (int c = 0; c < map.size(); c++) {
          double factor = map.at(r, c);
          rowBias += factor * value.bias()[first + c];
          int source = (first + c) * inputs;
          for (int i = 0; i < inputs; i++) {
            row[i] += factor * value.weight()[source + i];
          }
        }
        bias[first + r] = (float) rowBias;
        for (int i = 0; i < inputs; i++) {
          weight[(first + r) * inputs + i] = (float) row[i];
        }
      }
    }
    return new LinearWeights(inputs, value.outputs(), weight, bias);
  }

  private static LinearWeights foldOutput(List<HeadCodec> heads, LinearWeights output) {
    int inputs = output.inputs();
    float[] weight = new float[output.weight().length];
    float[] bias = new float[output.outputs()];
    for (int row = 0; row < output.outputs(); row++) {
      double rowBias = output.bias()[row];
      for (int h = 0; h < heads.size(); h++) {
        AffineMap map = heads.get(h).output();
        int first = row * inputs + h * map.size();
        for (int c = 0; c < map.size(); c++) {
          double sum = 0;
          for (int r = 0; r < map.size(); r++) {
            sum += (double) output.weight()[first + r] * map.at(r, c);
          }
          weight[first + c] = (float) sum;
          rowBias += (double) output.weight()[first + c] * map.bias()[c];
        }
      }
      bias[row] = (float) rowBias;
    }
    return new LinearWeights(inputs, output.outputs(), weight, bias);
  }
}
