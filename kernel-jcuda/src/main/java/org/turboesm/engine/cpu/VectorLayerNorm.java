package org.turboesm.engine.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import org.turboesm.attention.vector.VectorWidth;
import org.turboesm.esm2.LayerNormWeights;

/**
 * LayerNorm of rows by the corrected two-pass algorithm (Chan, Golub and LeVeque 1983): the first
 * pass takes a mean good to a few roundings, the second the deviations from it and their squares,
 * whose sum corrects both the mean and the variance. So a row whose mean is many standard
 * deviations from zero loses no accuracy. Sums run in several times the lanes a vector has.
 */
final class VectorLayerNorm {
  private static final VectorSpecies<Float> SPECIES = VectorWidth.FLOATS;
  private static final int LANES = SPECIES.length();

  private VectorLayerNorm() {}

  /** The width of a vector, for people. */
  static int bits() {
    return SPECIES.vectorBitSize();
  }

  /** Floats of a vector. */
  static int lanes() {
    return LANES;
  }

  /**
   * Normalizes each row.
   *
   * @param input [rows, hidden]
   * @param output [rows, hidden]; may be {@code input}
   */
  static void apply(float[] input, int rows, LayerNormWeights weights, float eps, float[] output) {
    int hidden = weights.weight().length;
    float[] lanes = new float[LANES];
    for (int row = 0; row < rows; row++) {
      normalize(input, row * hidden, weights, eps, output, row * hidden, lanes);
    }
  }

  /**
   * Normalizes one row.
   *
   * @param input [hidden] from {@code offset} on
   * @param output [hidden] from {@code outputOffset} on; may be the input
   * @param lanes scratch of at least {@link #lanes} floats
   */
  static void normalize(
      float[] input,
      int offset,
      LayerNormWeights weights,
      float eps,
      float[] output,
      int outputOffset,
      float[] lanes) {
    int hidden = weights.weight().length;
    float mean = (float) (sum(input, offset, hidden, lanes) / hidden);
    FloatVector sum0 = FloatVector.zero(SPECIES);
    FloatVector sum1 = sum0;
    FloatVector squares0 = sum0;
    FloatVector squares1 = sum0;
    int i = 0;
    for (; i + 2 * LANES <= hidden; i += 2 * LANES) {
      FloatVector deviation0 = FloatVector.fromArray(SPECIES, input, offset + i).sub(mean);
      FloatVector deviation1 = FloatVector.fromArray(SPECIES, input, offset + i + LANES).sub(mean);
      sum0 = sum0.add(deviation0);
      sum1 = sum1.add(deviation1);
      squares0 = deviation0.fma(deviation0, squares0);
      squares1 = deviation1.fma(deviation1, squares1);
    }
    double sum = sumOfLanes(sum0.add(sum1), lanes);
    double squares = sumOfLanes(squares0.add(squares1), lanes);
    for (; i < hidden; i++) {
      double deviation = input[offset + i] - mean;
      sum += deviation;
      squares += deviation * deviation;
    }
    double correction = sum / hidden;
    double variance = squares / hidden - correction * correction;
    float scale = (float) (1 / Math.sqrt(variance + eps));
    scaleRow(input, offset, weights, mean, (float) correction, scale, output, outputOffset);
  }

  private static double sum(float[] values, int offset, int size, float[] lanes) {
    FloatVector sum0 = FloatVector.zero(SPECIES);
    FloatVector sum1 = sum0;
    FloatVector sum2 = sum0;
    FloatVector sum3 = sum0;
    int i = 0;
    for (; i + 4 * LANES <= size; i += 4 * LANES) {
      int at = offset + i;
      sum0 = sum0.add(FloatVector.fromArray(SPECIES, values, at));
      sum1 = sum1.add(FloatVector.fromArray(SPECIES, values, at + LANES));
      sum2 = sum2.add(FloatVector.fromArray(SPECIES, values, at + 2 * LANES));
      sum3 = sum3.add(FloatVector.fromArray(SPECIES, values, at + 3 * LANES));
    }
    double total = sumOfLanes(sum0.add(sum1).add(sum2.add(sum3)), lanes);
    for (; i < size; i++) {
      total += values[offset + i];
    }
    return total;
  }

  private static void scaleRow(
      float[] input,
      int offset,
      LayerNormWeights weights,
      float mean,
      float correction,
      float scale,
      float[] output,
      int outputOffset) {
    float[] weight = weights.weight();
    float[] bias = weights.bias();
    int i = 0;
    for (; i + LANES <= weight.length; i += LANES) {
      FloatVector.fromArray(SPECIES, input, offset + i)
          .sub(mean)
          .sub(correction)
          .mul(scale)
          .fma(FloatVector.fromArray(SPECIES, weight, i), FloatVector.fromArray(SPECIES, bias, i))
          .intoArray(output, outputOffset + i);
    }
    for (; i < weight.length; i++) {
      output[outputOffset + i] =
          (input[offset + i] - mean - correction) * scale * weight[i] + bias[i];
    }
  }

  /**
   * The sum of a vector's lanes. Not {@code reduceLanes}, whose order for floats is left open: a
   * row's result would change when the code is compiled.
   */
  private static double sumOfLanes(FloatVector vector, float[] lanes) {
    vector.intoArray(lanes, 0);
    double total = 0;
    for (float lane : lanes) {
      total += lane;
    }
    return total;
  }
}
