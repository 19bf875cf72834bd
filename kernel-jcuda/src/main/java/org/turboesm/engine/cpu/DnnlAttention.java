package org.turboesm.engine.cpu;

import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.dnnl.memory;
import org.turboesm.attention.AttentionKernels;
import org.turboesm.attention.vector.VectorAttentionKernels;

/**
 * Bidirectional attention as two matrix products a tile, exp(Q K^T) and its product with the
 * values, and the sums of the former's rows, which are the softmax's denominators. Nothing else
 * passes over the weights.
 *
 * <p>No maximum is subtracted before exp. Instead each sequence's keys are centred, which softmax
 * does not see: the mean of a query's logits is then zero, and its denominator, by Jensen's
 * inequality, no less than the number of keys. Where a logit is so large that a denominator leaves
 * the range of {@link #LARGEST_DENOMINATOR}, the sequence is computed by the kernels that subtract
 * the maximum. Keys and values that pad a tile are zero: each adds exp(0) = 1 to the denominators,
 * which is taken away again, and nothing to the outputs.
 */
final class DnnlAttention implements AutoCloseable {
  /**
   * exp(69). Up to it, a sum of weights times values that are themselves below 1e8 stays finite.
   */
  private static final float LARGEST_DENOMINATOR = 1e30f;

  private final OneDnn library;
  private final memory.data_type type;
  private final int bytesOfAWeight;
  private final AttentionKernels fallback = new VectorAttentionKernels();
  private final Map<Shape, AttentionProducts> products = new ConcurrentHashMap<>();
  private final Pool<AttentionWorkspace> workspaces;

  private record Shape(int heads, int headDim, AttentionTiles tiles) {}

  /**
   * @param type of the products' operands, f32 or bf16
   */
  DnnlAttention(OneDnn library, memory.data_type type) {
    this.library = library;
    this.type = type;
    this.bytesOfAWeight = type == memory.data_type.f32 ? Float.BYTES : Short.BYTES;
    this.workspaces = new Pool<>(() -> new AttentionWorkspace(library, type));
  }

  /** Attention of a ragged batch; see {@link AttentionKernels#prefill}. */
  void prefill(
      int heads,
      int headDim,
      int[] cuSeqlens,
      float[] queries,
      float[] keys,
      float[] values,
      float[] output) {
    library.openMp().useOneThread();
    AttentionWorkspace workspace = workspaces.take();
    try {
      for (int s = 0; s + 1 < cuSeqlens.length; s++) {
        Sequence sequence =
            new Sequence(workspace, heads, headDim, cuSeqlens[s], cuSeqlens[s + 1] - cuSeqlens[s]);
        if (!sequence.attend(queries, keys, values, output)) {
          fallback.prefill(
              heads,
              headDim,
              new int[] {cuSeqlens[s], cuSeqlens[s + 1]},
              queries,
              keys,
              values,
              output);
        }
      }
    } finally {
      workspaces.giveBack(workspace);
    }
  }

  /** One sequence's pass. */
  private final class Sequence {
    private final AttentionWorkspace workspace;
    private final int heads;
    private final int headDim;
    private final int hidden;
    private final int start;
    private final int length;
    private final AttentionTiles tiles;
    private final AttentionProducts tileProducts;

    Sequence(AttentionWorkspace workspace, int heads, int headDim, int start, int length) {
      this.workspace = workspace;
      this.heads = heads;
      this.headDim = headDim;
      this.hidden = heads * headDim;
      this.start = start;
      this.length = length;
      this.tiles = AttentionTiles.of(length, heads, bytesOfAWeight);
      this.tileProducts =
          products.computeIfAbsent(
              new Shape(heads, headDim, tiles),
              shape -> new AttentionProducts(library, type, tiles, heads, headDim));
    }

    /** False where a denominator was out of range; the output then holds anything. */
    boolean attend(float[] queries, float[] keys, float[] values, float[] output) {
      if (length == 0) {
        return true;
      }
      workspace.queries().shape(tiles.queries(), hidden);
      workspace.queries().put(0, length, queries, start * hidden);
      putKeys(keys);
      putValues(values);
      int tileRows = tiles.headsAtOnce() * tiles.queriesAtOnce();
      workspace.weights().shape(tileRows, tiles.keys());
      workspace.outputs().shape(tileRows, headDim);
      workspace.sums().shape(tileRows, 1);
      for (int h = 0; h < heads; h += tiles.headsAtOnce()) {
        for (int q = 0; q < length; q += tiles.queriesAtOnce()) {
          multiply(h, q);
          if (!deliver(h, q, output)) {
            return false;
          }
        }
      }
      return true;
    }

    private void putKeys(float[] keys) {
      workspace.keys().shape(tiles.keys(), hidden);
      float[] mean = workspace.mean(hidden);
      Arrays.fill(mean, 0, hidden, 0);
      for (int t = 0; t < length; t++) {
        int offset = (start + t) * hidden;
        for (int c = 0; c < hidden; c++) {
          mean[c] += keys[offset + c];
        }
      }
      for (int c = 0; c < hidden; c++) {
        mean[c] /= length;
      }
      float[] row = workspace.row(hidden);
      for (int t = 0; t < length; t++) {
        int offset = (start + t) * hidden;
        for (int c = 0; c < hidden; c++) {
          row[c] = keys[offset + c] - mean[c];
        }
        workspace.keys().put(t, 1, row, 0);
      }
      putZeros(workspace.keys());
    }

    private void putValues(float[] values) {
      workspace.values().shape(tiles.keys(), hidden);
      workspace.values().put(0, length, values, start * hidden);
      putZeros(workspace.values());
    }

    private void putZeros(NativeRows padded) {
      float[] row = workspace.row(hidden);
      Arrays.fill(row, 0, hidden, 0);
      for (int t = length; t < tiles.keys(); t++) {
        padded.put(t, 1, row, 0);
      }
    }

    private void multiply(int firstHead, int firstQuery) {
      long queryOffset = ((long) firstQuery * hidden + firstHead * headDim) * bytesOfAWeight;
      run(
          tileProducts.weights(),
          workspace.inputAddress().at(workspace.queries().address(), queryOffset),
          workspace
              .otherAddress()
              .at(workspace.keys().address(), (long) firstHead * headDim * bytesOfAWeight),
          workspace.weights());
      run(
          tileProducts.outputs(),
          workspace.inputAddress().at(workspace.weights().address(), 0),
          workspace
              .otherAddress()
              .at(workspace.values().address(), (long) firstHead * headDim * bytesOfAWeight),
          workspace.outputs());
      tileProducts
          .sums()
          .run(workspace.queue(), workspace.weights().address(), workspace.sums().address());
    }

    private void run(MatmulKernel kernel, Address input, Address other, NativeRows output) {
      MatmulCall call = kernel.take();
      try {
        call.point(MatmulArgument.INPUT, input);
        call.point(MatmulArgument.WEIGHTS, other);
        call.point(MatmulArgument.OUTPUT, output.address());
        call.point(
            MatmulArgument.SCRATCHPAD, workspace.scratchpad().require(kernel.scratchpadBytes()));
        call.run(workspace.queue());
      } finally {
        kernel.giveBack(call);
      }
    }

    /** Divides a tile's outputs by their denominators. */
    private boolean deliver(int firstHead, int firstQuery, float[] output) {
      int tileRows = tiles.headsAtOnce() * tiles.queriesAtOnce();
      float[] tile = workspace.tile(tileRows * headDim);
      float[] denominators = workspace.denominators(tileRows);
      workspace.outputs().get(0, tileRows, tile, 0);
      workspace.sums().get(0, tileRows, denominators, 0);
      int padding = tiles.keys() - length;
      int rows = Math.min(tiles.queriesAtOnce(), length - firstQuery);
      for (int h = 0; h < tiles.headsAtOnce(); h++) {
        for (int q = 0; q < rows; q++) {
          int row = h * tiles.queriesAtOnce() + q;
          int source = row * headDim;
          float denominator = denominators[row] - padding;
          // Written so that a denominator that is no number fails too.
          if (!(denominator < LARGEST_DENOMINATOR)) {
            return false;
          }
          float factor = 1 / denominator;
          int target = ((start + firstQuery + q) * heads + firstHead + h) * headDim;
          for (int c = 0; c < headDim; c++) {
            output[target + c] = tile[source + c] * factor;
          }
        }
      }
      return true;
    }
  }

  @Override
  public void close() {
    products.values().forEach(AttentionProducts::close);
    products.clear();
    workspaces.drain(AttentionWorkspace::close);
  }
}
