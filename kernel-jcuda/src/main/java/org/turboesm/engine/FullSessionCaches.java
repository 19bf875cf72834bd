package org.turboesm.engine;

import org.turboesm.attention.AttentionKernels;
import org.turboesm.attention.AttentionState;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.kv.FullKvCache;

/** Full-precision caches; keys, queries and values are cached as they come. */
final class FullSessionCaches implements SessionCaches {
  private final AttentionKernels kernels;
  private final int heads;
  private final int headDim;
  private final FullKvCache[] caches;

  FullSessionCaches(AttentionKernels kernels, EsmConfig config, int[] capacities) {
    this.kernels = kernels;
    this.heads = config.heads();
    this.headDim = config.headDim();
    this.caches = new FullKvCache[capacities.length];
    for (int s = 0; s < caches.length; s++) {
      caches[s] = new FullKvCache(config.layers(), heads, headDim, capacities[s]);
    }
  }

  @Override
  public void append(
      int sequence, int layer, float[] keys, float[] values, int firstToken, int tokens) {
    for (int h = 0; h < heads; h++) {
      for (int t = firstToken; t < firstToken + tokens; t++) {
        int offset = (t * heads + h) * headDim;
        caches[sequence].blocks(layer, h).append(keys, offset, values, offset);
      }
    }
  }

  @Override
  public void attend(
      int sequence, int layer, float[] queries, int token, AttentionState state, float[] output) {
    for (int h = 0; h < heads; h++) {
      int offset = (token * heads + h) * headDim;
      state.reset();
      kernels.decode(queries, offset, caches[sequence].blocks(layer, h), state);
      state.write(output, offset);
    }
  }

  @Override
  public int length(int sequence) {
    return caches[sequence].length();
  }

  @Override
  public long bytes(int sequence) {
    return caches[sequence].bytes();
  }
}
