package org.turboesm.bench;

import org.turboesm.attention.AttentionKernels;
import org.turboesm.attention.AttentionState;
import org.turboesm.attention.reference.ReferenceAttentionKernels;
import org.turboesm.kv.FullKvBlocks;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.PackedKvBlocks;

/**
 * Many caches of one kvLen, each of another head, and a query for all. More bytes than fit the
 * processor's caches, so that a pass over them reads memory as a decode of a large model does.
 */
abstract class DecodeCaches {
  static final int HEAD_DIM = 64;

  private final int kvLen;
  private final int count;
  private final long bytesPerCache;
  private final float[] query;

  private DecodeCaches(NormalValues values, int kvLen, int count, long bytesPerCache) {
    this.kvLen = kvLen;
    this.count = count;
    this.bytesPerCache = bytesPerCache;
    this.query = values.array(HEAD_DIM, 2 / Math.sqrt(HEAD_DIM));
  }

  /** Caches as floats, of {@code bytes} in all or more. */
  static DecodeCaches full(NormalValues values, int kvLen, long bytes) {
    return new Full(values, kvLen, count(bytes, 2L * kvLen * HEAD_DIM * Float.BYTES));
  }

  /** Packed caches, of {@code bytes} in all or more. */
  static DecodeCaches packed(
      AttentionKernels kernels, NormalValues values, HeadCodec codec, int kvLen, long bytes) {
    return new Packed(
        kernels, values, codec, kvLen, count(bytes, codec.layout().packedBytes(kvLen)));
  }

  private static int count(long bytes, long bytesPerCache) {
    return (int) Math.max(1, (bytes + bytesPerCache - 1) / bytesPerCache);
  }

  int kvLen() {
    return kvLen;
  }

  int count() {
    return count;
  }

  double bytesPerToken() {
    return (double) bytesPerCache / kvLen;
  }

  float[] query() {
    return query;
  }

  /** Attends to one cache. */
  abstract void decode(AttentionKernels kernels, int cache, AttentionState state);

  /** The largest key norm and value that the caches can give a query. */
  abstract double keyNorm();

  abstract double largestValue();

  /** Holds the kernels against the reference on the first cache. */
  final void check(AttentionKernels kernels) {
    float[] expected = output(new ReferenceAttentionKernels());
    float[] actual = output(kernels);
    double limit =
        ReferenceCheck.attentionLimit(
            HEAD_DIM,
            kvLen,
            ReferenceCheck.largestNorm(query, HEAD_DIM),
            keyNorm(),
            largestValue());
    ReferenceCheck.requireClose("decode, kvLen " + kvLen, actual, expected, limit);
  }

  private float[] output(AttentionKernels kernels) {
    AttentionState state = new AttentionState(HEAD_DIM);
    decode(kernels, 0, state);
    float[] output = new float[HEAD_DIM];
    state.write(output, 0);
    return output;
  }

  private static final class Full extends DecodeCaches {
    private final FullKvBlocks[] caches;

    Full(NormalValues values, int kvLen, int count) {
      super(values, kvLen, count, 2L * kvLen * HEAD_DIM * Float.BYTES);
      caches = new FullKvBlocks[count];
      for (int i = 0; i < count; i++) {
        caches[i] = new FullKvBlocks(HEAD_DIM, kvLen);
        for (int t = 0; t < kvLen; t++) {
          caches[i].append(
              values.pool(), values.offset(HEAD_DIM), values.pool(), values.offset(HEAD_DIM));
        }
      }
    }

    @Override
    void decode(AttentionKernels kernels, int cache, AttentionState state) {
      kernels.decode(query(), 0, caches[cache], state);
    }

    @Override
    double keyNorm() {
      return Math.sqrt(HEAD_DIM) * ReferenceCheck.largestMagnitude(caches[0].keys());
    }

    @Override
    double largestValue() {
      return ReferenceCheck.largestMagnitude(caches[0].values());
    }
  }

  private static final class Packed extends DecodeCaches {
    private final HeadCodec codec;
    private final PackedKvBlocks[] caches;

    Packed(AttentionKernels kernels, NormalValues values, HeadCodec codec, int kvLen, int count) {
      super(values, kvLen, count, codec.layout().packedBytes(kvLen));
      this.codec = codec;
      caches = new PackedKvBlocks[count];
      for (int i = 0; i < count; i++) {
        caches[i] = new PackedKvBlocks(codec, kvLen, true);
        for (int t = 0; t < kvLen; t++) {
          caches[i].append(
              values.pool(),
              values.offset(HEAD_DIM),
              values.pool(),
              values.offset(HEAD_DIM),
              kernels);
        }
      }
    }

    /** The query's map is part of the packed cache's price. */
    @Override
    void decode(AttentionKernels kernels, int cache, AttentionState state) {
      float[] mapped = new float[HEAD_DIM];
      kernels.map(codec.query(), query(), 0, mapped, 0);
      kernels.decode(mapped, 0, caches[cache], state);
    }

    @Override
    double keyNorm() {
      return Math.sqrt(HEAD_DIM) * largestValue();
    }

    /** Of a centroid or, in the tail, of a normal value. */
    @Override
    double largestValue() {
      double tail =
          Math.max(
              ReferenceCheck.largestMagnitude(caches[0].tail().values()),
              ReferenceCheck.largestMagnitude(caches[0].tail().keys()));
      return Math.max(tail, ReferenceCheck.largestMagnitude(codec.valueCodebook().centroids()));
    }
  }
}
