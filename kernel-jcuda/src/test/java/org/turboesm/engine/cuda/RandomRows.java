package org.turboesm.engine.cuda;

import java.util.SplittableRandom;

/** Random values for tests. */
final class RandomRows {
  private RandomRows() {}

  /**
   * Normally distributed around a mean.
   *
   * @return [size]
   */
  static float[] normal(SplittableRandom random, int size, double mean, double deviation) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) (mean + deviation * random.nextGaussian());
    }
    return values;
  }

  /**
   * Evenly distributed.
   *
   * @return [size]
   */
  static float[] uniform(SplittableRandom random, int size, double low, double high) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) random.nextDouble(low, high);
    }
    return values;
  }
}
