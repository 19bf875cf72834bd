package org.turboesm.engine.cpu;

/**
 * How a sequence's attention is cut into products: some heads and some queries at a time, as many
 * as leave the weights, [heads, queries, keys], in a core's own cache. A function of the sequence's
 * length alone, so that a protein's result does not depend on its batch; lengths are rounded up, so
 * that products come in few shapes.
 *
 * @param headsAtOnce heads of a product; divides the model's
 * @param queriesAtOnce queries of a product
 * @param keys all of the sequence's tokens, rounded up
 */
record AttentionTiles(int headsAtOnce, int queriesAtOnce, int keys) {
  /** Half of a core's second-level cache on today's servers, of 1 to 2 MiB. */
  private static final int WEIGHT_BYTES = 512 << 10;

  /** Queries and keys are multiples of it: a vector of the widest. */
  private static final int UNIT = 16;

  static AttentionTiles of(int length, int heads, int bytesOfAWeight) {
    int keys = roundUp(length, step(length));
    int weights = WEIGHT_BYTES / bytesOfAWeight;
    int parts = (keys * keys + weights - 1) / weights;
    int queries = Math.max(UNIT, roundUp((keys + parts - 1) / parts, UNIT));
    int headsAtOnce = 1;
    for (int divisor = 2; divisor <= heads; divisor++) {
      if (heads % divisor == 0 && divisor * queries * keys <= weights) {
        headsAtOnce = divisor;
      }
    }
    return new AttentionTiles(headsAtOnce, queries, keys);
  }

  private static int step(int length) {
    if (length <= 128) {
      return UNIT;
    }
    return length <= 1024 ? 2 * UNIT : 4 * UNIT;
  }

  /** All queries, rounded up to whole products: at least {@code keys}. */
  int queries() {
    return roundUp(keys, queriesAtOnce);
  }

  private static int roundUp(int size, int unit) {
    return (size + unit - 1) / unit * unit;
  }
}
