package org.turboesm.engine.cuda;

import java.util.Map;
import org.turboesm.cuda.CudaStream;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.cuda.Kernel;
import org.turboesm.cuda.KernelLibrary;
import org.turboesm.cuda.KernelModule;
import org.turboesm.cuda.KernelVariant;
import org.turboesm.cuda.LaunchConfig;
import org.turboesm.engine.Precision;
import org.turboesm.engine.RangeTally;

/** Launches {@code qkv.cu}: whole sequences' queries, keys and values, and caches of them. */
final class QkvKernels {
  private static final int ROTATE_THREADS = 256;
  private static final int BLOCK_THREADS = 128;

  /** Channels of both halves of a head that one thread finishes. */
  private static final int CHANNELS_PER_THREAD = 8;

  private final int headDim;
  private final Kernel rotate;
  private final Kernel rotateAndPack;
  private final Kernel rotateAndCache;

  QkvKernels(KernelLibrary library, Precision precision, int headDim) {
    KernelModule module = library.compile(variant(precision, headDim));
    this.headDim = headDim;
    this.rotate = module.kernel("rotate_qkv");
    this.rotateAndPack = module.kernel("rotate_pack_qkv");
    this.rotateAndCache = module.kernel("rotate_cache_qkv");
  }

  /** What the engine compiles for a model. */
  static KernelVariant variant(Precision precision, int headDim) {
    return new KernelVariant(
        "qkv.cu",
        Map.of(
            "PRECISION",
            precision.ordinal(),
            "HEAD_DIM",
            headDim,
            "TOKENS_A_LOOK",
            RangeTally.TOKENS_A_LOOK));
  }

  /**
   * Queues bias, scale and rotary embedding.
   *
   * @param positions [rows] ints, within their sequences
   * @param queries [rows, heads, headDim] activations, written
   * @param keys [rows, heads, headDim] activations, written
   * @param values [rows, heads, headDim] activations, written
   */
  void rotate(
      CudaStream stream,
      Projections projections,
      DevicePointer positions,
      int rows,
      DevicePointer queries,
      DevicePointer keys,
      DevicePointer values) {
    long threads = (long) rows * projections.heads() * headDim / CHANNELS_PER_THREAD;
    int blocks = Math.toIntExact((threads + ROTATE_THREADS - 1) / ROTATE_THREADS);
    rotate.launch(
        stream,
        LaunchConfig.of(blocks, ROTATE_THREADS),
        projections.product().values(),
        projections.product().rowScales(),
        projections.product().columnScales(),
        projections.product().bias(),
        positions,
        projections.cosines(),
        projections.sines(),
        projections.queryScale(),
        rows,
        projections.heads(),
        queries,
        keys,
        values);
  }

  /**
   * Queues the same, with keys and values packed into a cache as well. What is packed are the keys
   * and values as activations; a partly filled block's other tokens have zero bits.
   *
   * @param positions [rows] ints
   * @param blocks all rows
   * @param keyMaps the codec's, arranged by {@link UnpackKernels#arrange}
   * @param outside [heads, 2] ints, counted on; null to count nothing
   * @param queries [rows, heads, headDim] activations, written; null to leave out
   * @param keys as queries
   * @param values as queries
   */
  void rotateAndPack(
      CudaStream stream,
      Projections projections,
      DevicePointer positions,
      TokenBlocks blocks,
      LayerCodec codec,
      DevicePointer keyMaps,
      PackedSlots cache,
      DevicePointer outside,
      DevicePointer queries,
      DevicePointer keys,
      DevicePointer values) {
    rotateAndPack.launch(
        stream,
        new LaunchConfig(blocks.count(), projections.heads(), 1, BLOCK_THREADS, 0),
        projections.product().values(),
        projections.product().rowScales(),
        projections.product().columnScales(),
        projections.product().bias(),
        positions,
        projections.cosines(),
        projections.sines(),
        projections.queryScale(),
        projections.heads(),
        blocks.entries(),
        keyMaps,
        codec.keyBiases(),
        codec.layouts(),
        codec.channels(),
        codec.thresholds(),
        codec.wordsPerSlot(),
        cache.words(),
        cache.valueScales(),
        cache.tails(),
        codec.ranges(),
        outside,
        queries,
        keys,
        values);
  }

  /**
   * Queues the same with a full-precision cache; a partly filled block's other tokens are zeros.
   *
   * @param positions [rows] ints
   * @param blocks all rows, none with a tail
   * @param cache [slots, heads, 2, headDim, 32] activations
   * @param queries [rows, heads, headDim] activations, written; null to leave out
   * @param keys as queries
   * @param values as queries
   */
  void rotateAndCache(
      CudaStream stream,
      Projections projections,
      DevicePointer positions,
      TokenBlocks blocks,
      DevicePointer cache,
      DevicePointer queries,
      DevicePointer keys,
      DevicePointer values) {
    rotateAndCache.launch(
        stream,
        new LaunchConfig(blocks.count(), projections.heads(), 1, BLOCK_THREADS, 0),
        projections.product().values(),
        projections.product().rowScales(),
        projections.product().columnScales(),
        projections.product().bias(),
        positions,
        projections.cosines(),
        projections.sines(),
        projections.queryScale(),
        projections.heads(),
        blocks.entries(),
        cache,
        queries,
        keys,
        values);
  }
}
