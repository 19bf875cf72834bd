package org.turboesm.attention;

import java.util.Arrays;

/**
 * Attention of one query over a part of the keys, in the form that parts merge in (Milakov and
 * Gimelshein 2018; FlashInfer's attention state): the largest logit m, the sum d of exp(logit - m),
 * and the sum o of exp(logit - m) * value, not yet divided by d.
 */
public final class AttentionState {
  private final float[] output;
  private final KernelScratch scratch = new KernelScratch();
  private float max;
  private float denominator;

  public AttentionState(int headDim) {
    output = new float[headDim];
    reset();
  }

  /** The state of no keys at all: what every other state merges into unchanged. */
  public void reset() {
    max = Float.NEGATIVE_INFINITY;
    denominator = 0;
    Arrays.fill(output, 0);
  }

  /**
   * Opens the state for keys whose largest logit is {@code partMax}: rescales what is held to the
   * larger maximum and returns it, so that exp(logit - maximum) of the new keys can be added.
   */
  public float raiseMax(float partMax) {
    if (partMax > max) {
      float scale = max == Float.NEGATIVE_INFINITY ? 0 : (float) Math.exp(max - partMax);
      max = partMax;
      denominator *= scale;
      for (int c = 0; c < output.length; c++) {
        output[c] *= scale;
      }
    }
    return max;
  }

  /** Adds to d. */
  public void addDenominator(float sum) {
    denominator += sum;
  }

  /** o, [headDim], to be added to. */
  public float[] output() {
    return output;
  }

  /** What the kernels that add to this state work in; no part of its value. */
  public KernelScratch scratch() {
    return scratch;
  }

  /** Merges the state of other keys of the same query. */
  public void merge(AttentionState other) {
    if (other.max == Float.NEGATIVE_INFINITY) {
      return;
    }
    float scale = (float) Math.exp(other.max - raiseMax(other.max));
    denominator += other.denominator * scale;
    for (int c = 0; c < output.length; c++) {
      output[c] += other.output[c] * scale;
    }
  }

  /** Writes the attention output o / d, [headDim], from {@code offset} on. */
  public void write(float[] target, int offset) {
    for (int c = 0; c < output.length; c++) {
      target[offset + c] = output[c] / denominator;
    }
  }
}
