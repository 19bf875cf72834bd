package org.turboesm.esm2;

/**
 * Rotary position embedding (Su et al. 2021, RoFormer), in the rotate-half form: channel i is
 * rotated with channel i + headDim/2 by position * base^(-2i/headDim).
 *
 * <p>Angles are rounded to float where Hugging Face rounds them (the inverse frequency, and its
 * product with the position): at position 3000 the rounding of an angle is 1e-4, and only the same
 * rounding gives the same state.
 */
public final class RotaryEmbedding {
  private final int headDim;
  private final float[] inverseFrequency;
  private volatile Angles angles = new Angles(0, new float[0], new float[0]);

  /**
   * Cosines and sines of every position's angles.
   *
   * @param cosines [positions, headDim / 2]
   * @param sines [positions, headDim / 2]
   */
  public record Angles(int positions, float[] cosines, float[] sines) {}

  /**
   * @param inverseFrequency [headDim / 2], radians a position
   */
  public RotaryEmbedding(float[] inverseFrequency) {
    this.headDim = 2 * inverseFrequency.length;
    this.inverseFrequency = inverseFrequency;
  }

  /** base^(-2i/headDim), rounded step by step as Hugging Face does. */
  static float[] inverseFrequency(int headDim, float base) {
    float[] inverseFrequency = new float[headDim / 2];
    for (int i = 0; i < headDim / 2; i++) {
      float exponent = 2f * i / headDim;
      inverseFrequency[i] = 1f / (float) Math.pow(base, exponent);
    }
    return inverseFrequency;
  }

  /**
   * Scales and rotates the heads of every token, in place.
   *
   * @param x [tokens, heads, headDim]
   */
  void apply(float[] x, TokenBatch batch, int heads, float scale, EsmOperators operators) {
    Angles angles = angles(batch.positions());
    int half = headDim / 2;
    for (int s = 0; s < batch.sequences(); s++) {
      int start = batch.cuSeqlens()[s];
      for (int t = start; t < batch.cuSeqlens()[s + 1]; t++) {
        int angle = (batch.firstPositions()[s] + t - start) * half;
        operators.rotate(
            x, t * heads * headDim, heads, half, angles.cosines, angles.sines, angle, scale);
      }
    }
  }

  /** The angles of at least so many positions from 0 on. */
  public Angles angles(int positions) {
    Angles current = angles;
    if (current.positions < positions) {
      current = compute(Math.max(positions, 2 * current.positions));
      angles = current;
    }
    return current;
  }

  private Angles compute(int positions) {
    int half = headDim / 2;
    float[] cosines = new float[positions * half];
    float[] sines = new float[positions * half];
    for (int p = 0; p < positions; p++) {
      for (int i = 0; i < half; i++) {
        float angle = p * inverseFrequency[i];
        cosines[p * half + i] = (float) Math.cos(angle);
        sines[p * half + i] = (float) Math.sin(angle);
      }
    }
    return new Angles(positions, cosines, sines);
  }
}
