package org.turboesm.bench;

import java.util.Random;

/**
 * Standard normal values from a fixed seed, cut from one pool so that large inputs are made fast.
 */
final class NormalValues {
  static final long SEED = 20260101;
  private static final int POOL = 1 << 20;

  private final Random random = new Random(SEED);
  private final float[] pool = new float[POOL];

  NormalValues() {
    for (int i = 0; i < POOL; i++) {
      pool[i] = (float) random.nextGaussian();
    }
  }

  float[] pool() {
    return pool;
  }

  /** Where a vector of {@code size} values may start in the pool. */
  int offset(int size) {
    return random.nextInt(POOL - size);
  }

  /** A copy of {@code size} values times {@code scale}. */
  float[] array(int size, double scale) {
    float[] values = new float[size];
    for (int done = 0; done < size; ) {
      int count = Math.min(size - done, POOL / 2);
      System.arraycopy(pool, offset(count), values, done, count);
      done += count;
    }
    for (int i = 0; i < size; i++) {
      values[i] *= (float) scale;
    }
    return values;
  }
}
