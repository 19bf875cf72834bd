package org.turboesm.engine.cpu;

import org.turboesm.esm2.Linear;
import org.turboesm.esm2.LinearWeights;

/**
 * The worst that rounding may do to a row of a linear layer.
 *
 * <p>A sum of K products and a bias in any order of f32 additions, fused or not, is off by at most
 * gamma_n (sum |w x| + |b|) with n = K + 1 and gamma_n = n U / (1 - n U) (Higham 2002, section
 * 3.1). Quantized sums are exact and then scaled and biased: four roundings, which gamma_n covers.
 * Operands that are rounded first add sum (|w| dx + |x| dw + dx dw): in bf16 dx = 2^-8 |x| / 2 and
 * dw alike; in integers of largest value m, half a step, dx = max |x| / (2 m), and dw = max |w| /
 * 254 of the output's own weights, each times 1.0001 for the rounding of the scale itself.
 *
 * <p>GELU's slope is below 1.13, and a polynomial erf is good to 2e-7, which x / 2 multiplies; in
 * bf16 its result is rounded once more. A residual adds two roundings of no more than |residual| +
 * |result|.
 */
record RoundingLimit(LinearWeights weights, Linear.Epilogue epilogue, MatmulFormat format) {
  /** Half a unit in the last place of 1: the relative error of one rounding. */
  private static final double U = Math.scalb(1.0, -24);

  private static final double BFLOAT16_U = Math.scalb(1.0, -8);

  /** The largest error of a row, in units of its limit. */
  double worst(float[] x, float[] residual, float[] expected, float[] found) {
    double worst = 0;
    for (int o = 0; o < expected.length; o++) {
      double magnitude = Math.abs(weights.bias()[o]);
      double sum = weights.bias()[o];
      for (int i = 0; i < x.length; i++) {
        double product = (double) weights.weight()[o * x.length + i] * x[i];
        magnitude += Math.abs(product);
        sum += product;
      }
      double n = x.length + 1;
      double limit = n * U / (1 - n * U) * magnitude + operandRounding(o, x);
      limit =
          switch (epilogue) {
            case NONE -> limit;
            case GELU -> gelu(limit, sum);
            case ADD -> limit + 2 * U * (Math.abs(residual[o]) + Math.abs(expected[o]));
          };
      // Math.max carries NaN on, so that no result that is no number passes.
      worst = Math.max(worst, Math.abs((double) found[o] - expected[o]) / limit);
    }
    return worst;
  }

  private double gelu(double limit, double sum) {
    double inFloat = 1.13 * limit + 2e-7 * Math.abs(sum) / 2 + 4 * U * Math.abs(sum);
    return format == MatmulFormat.BF16 ? inFloat + BFLOAT16_U * (Math.abs(sum) + inFloat) : inFloat;
  }

  private double operandRounding(int output, float[] x) {
    double total = 0;
    double stepOfX = largest(x, 0, x.length);
    double stepOfW = largest(weights.weight(), output * x.length, x.length) / 254 * 1.0001;
    for (int i = 0; i < x.length; i++) {
      double w = Math.abs(weights.weight()[output * x.length + i]);
      double magnitude = Math.abs(x[i]);
      double dx =
          switch (format) {
            case F32 -> 0;
            case BF16 -> BFLOAT16_U * magnitude;
            case INT8 -> stepOfX / 254 * 1.0001;
            case SHIFTED_INT7 -> stepOfX / 126 * 1.0001;
          };
      double dw =
          switch (format) {
            case F32 -> 0;
            case BF16 -> BFLOAT16_U * w;
            case INT8, SHIFTED_INT7 -> stepOfW;
          };
      total += w * dx + magnitude * dw + dx * dw;
    }
    return total;
  }

  private static double largest(float[] values, int offset, int size) {
    double largest = 0;
    for (int i = 0; i < size; i++) {
      largest = Math.max(largest, Math.abs(values[offset + i]));
    }
    return largest;
  }
}
