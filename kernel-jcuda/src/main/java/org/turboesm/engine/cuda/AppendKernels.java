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

/** Launches {@code append.cu}: a decode step's new token of each sequence. */
final class AppendKernels {
  /** Rows of one block of threads; {@code append.cu} says the same. */
  static final int ROWS_PER_BLOCK = 4;

  private static final int FULL_THREADS = 128;

  private final int headDim;
  private final Kernel append;
  private final Kernel appendFull;
  private final Kernel advance;

  AppendKernels(KernelLibrary library, Precision precision, int headDim) {
    KernelModule module = library.compile(variant(precision, headDim));
    this.headDim = headDim;
    this.append = module.kernel("append_qkv");
    this.appendFull = module.kernel("append_full_qkv");
    this.advance = module.kernel("advance");
  }

  /** What the engine compiles for a model. */
  static KernelVariant variant(Precision precision, int headDim) {
    return new KernelVariant(
        "append.cu",
        Map.of(
            "PRECISION",
            precision.ordinal(),
            "HEAD_DIM",
            headDim,
            "TOKENS_A_LOOK",
            RangeTally.TOKENS_A_LOOK));
  }

  /**
   * Queues a step's queries, keys and values, and their entry into a packed cache. With tails, a
   * token waits in its tail as an activation, and a tail that fills is packed; without, each token
   * is packed at once.
   *
   * @param outside [heads, 2] ints, counted on; null to count nothing
   * @param queries [rows, heads, headDim] floats, transformed; rows that are padding stay as they
   *     are
   */
  void append(
      CudaStream stream,
      Projections projections,
      DecodeRows rows,
      LayerCodec codec,
      PackedSlots cache,
      DevicePointer outside,
      DevicePointer queries) {
    int rowBlocks = (rows.rows() + ROWS_PER_BLOCK - 1) / ROWS_PER_BLOCK;
    append.launch(
        stream,
        new LaunchConfig(rowBlocks, projections.heads(), 1, 4 * headDim, 0),
        projections.product().values(),
        projections.product().rowScales(),
        projections.product().columnScales(),
        projections.product().bias(),
        projections.cosines(),
        projections.sines(),
        projections.queryScale(),
        rows.rows(),
        projections.heads(),
        rows.sequences(),
        rows.kvLens(),
        rows.firstSlots(),
        codec.queryMaps(),
        codec.queryBiases(),
        codec.keyMaps(),
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
        queries);
  }

  /**
   * Queues the same for a full-precision cache; nothing is transformed.
   *
   * @param cache [slots, heads, 2, headDim, 32] activations
   * @param queries [rows, heads, headDim] floats
   */
  void appendFull(
      CudaStream stream,
      Projections projections,
      DecodeRows rows,
      DevicePointer cache,
      DevicePointer queries) {
    int threads = rows.rows() * projections.heads() * headDim / 2;
    appendFull.launch(
        stream,
        LaunchConfig.of((threads + FULL_THREADS - 1) / FULL_THREADS, FULL_THREADS),
        projections.product().values(),
        projections.product().rowScales(),
        projections.product().columnScales(),
        projections.product().bias(),
        projections.cosines(),
        projections.sines(),
        projections.queryScale(),
        rows.rows(),
        projections.heads(),
        rows.sequences(),
        rows.kvLens(),
        rows.firstSlots(),
        cache,
        queries);
  }

  /** Queues the end of a step: each row's sequence is one token longer. */
  void advance(CudaStream stream, DecodeRows rows) {
    advance.launch(
        stream,
        LaunchConfig.of((rows.rows() + FULL_THREADS - 1) / FULL_THREADS, FULL_THREADS),
        rows.sequences(),
        rows.rows(),
        rows.kvLens());
  }
}
