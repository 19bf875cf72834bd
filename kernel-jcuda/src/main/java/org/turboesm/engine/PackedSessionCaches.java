package org.turboesm.engine;

import org.turboesm.attention.AttentionKernels;
import org.turboesm.attention.AttentionState;
import org.turboesm.kv.AffineMap;
import org.turboesm.kv.KvCodec;
import org.turboesm.kv.PackedKvBlocks;
import org.turboesm.kv.PackedKvCache;

/** Packed caches; keys and queries are transformed here, values come transformed. */
public final class PackedSessionCaches implements SessionCaches {
  private final AttentionKernels kernels;
  private final KvCodec codec;
  private final PackedKvCache[] caches;

  /**
   * @param capacities [sequences], tokens to make room for; more are taken too
   */
  public PackedSessionCaches(AttentionKernels kernels, KvCodec codec, int[] capacities) {
    this.kernels = kernels;
    this.codec = codec;
    this.caches = new PackedKvCache[capacities.length];
    for (int s = 0; s < caches.length; s++) {
      caches[s] = new PackedKvCache(codec, capacities[s]);
    }
  }

  @Override
  public void append(
      int sequence, int layer, float[] keys, float[] values, int firstToken, int tokens) {
    int heads = codec.heads().get(layer).size();
    for (int h = 0; h < heads; h++) {
      AffineMap map = codec.head(layer, h).key();
      PackedKvBlocks blocks = caches[sequence].blocks(layer, h);
      float[] key = new float[map.size()];
      for (int t = firstToken; t < firstToken + tokens; t++) {
        int offset = (t * heads + h) * map.size();
        kernels.map(map, keys, offset, key, 0);
        blocks.append(key, 0, values, offset, kernels);
      }
    }
  }

  @Override
  public void attend(
      int sequence, int layer, float[] queries, int token, AttentionState state, float[] output) {
    int heads = codec.heads().get(layer).size();
    int headDim = codec.head(layer, 0).headDim();
    float[] query = new float[headDim];
    for (int h = 0; h < heads; h++) {
      int offset = (token * heads + h) * headDim;
      kernels.map(codec.head(layer, h).query(), queries, offset, query, 0);
      state.reset();
      kernels.decode(query, 0, caches[sequence].blocks(layer, h), state);
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
