package org.turboesm.engine.cpu;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.turboesm.engine.Precision;
import org.turboesm.esm2.EsmOperators;
import org.turboesm.esm2.LayerNormWeights;
import org.turboesm.esm2.Linear;
import org.turboesm.esm2.LinearWeights;

/**
 * Linear layers through oneDNN, what stands between them in the Java Vector API. Every call runs on
 * the thread that makes it, and on that thread alone.
 *
 * <p>A row's result depends on that row and the weights, not on the batch around it: equal to the
 * bit. So blocks of rows go through several layers in a row, their intermediate results in native
 * memory and in a cache.
 */
public final class CpuOperators implements EsmOperators, AutoCloseable {
  private final OneDnn library;
  private final MatmulFormat format;
  private final Map<MatmulShape, MatmulFamily> families = new HashMap<>();
  private final Set<DnnlLinear> open = new HashSet<>();
  private final Pool<Workspace> workspaces;

  /**
   * Loads the native library where it is not loaded yet.
   *
   * @throws org.turboesm.TurboEsmException where it cannot be used here, or not in this precision
   */
  public CpuOperators(Precision precision) {
    library = OneDnn.get();
    format = library.format(precision);
    workspaces = new Pool<>(() -> new Workspace(library));
  }

  @Override
  public Linear linear(LinearWeights weights, Linear.Epilogue epilogue) {
    return linear(weights, epilogue, format);
  }

  @Override
  public Linear fullPrecisionLinear(LinearWeights weights, Linear.Epilogue epilogue) {
    return linear(weights, epilogue, MatmulFormat.F32);
  }

  private synchronized Linear linear(
      LinearWeights weights, Linear.Epilogue epilogue, MatmulFormat layerFormat) {
    library.openMp().useOneThread();
    MatmulShape shape =
        new MatmulShape(
            weights.inputs(), weights.outputs(), epilogue == Linear.Epilogue.GELU, layerFormat);
    MatmulFamily family = families.computeIfAbsent(shape, made -> new MatmulFamily(library, made));
    family.addUser();
    try {
      DnnlLinear linear = new DnnlLinear(this, family, epilogue == Linear.Epilogue.ADD, weights);
      open.add(linear);
      return linear;
    } catch (RuntimeException e) {
      leave(family);
      throw e;
    }
  }

  @Override
  public void layerNorm(
      float[] input, int rows, LayerNormWeights weights, float eps, float[] output) {
    VectorLayerNorm.apply(input, rows, weights, eps, output);
  }

  @Override
  public void rotate(
      float[] x,
      int offset,
      int heads,
      int half,
      float[] cosines,
      float[] sines,
      int angle,
      float scale) {
    if (!VectorRotation.rotate(x, offset, heads, half, cosines, sines, angle, scale)) {
      EsmOperators.super.rotate(x, offset, heads, half, cosines, sines, angle, scale);
    }
  }

  @Override
  public void normedLinears(
      float[] x, int rows, LayerNormWeights norm, float eps, Linear[] linears, float[][] outputs) {
    inBlocks(
        rows,
        (workspace, first, block) -> {
          NativeRows normed = normed(workspace, x, first, block, norm, eps);
          for (int i = 0; i < linears.length; i++) {
            DnnlLinear linear = (DnnlLinear) linears[i];
            NativeRows result = linear.multiply(workspace, normed, block);
            linear.deliver(workspace, result, first, block, outputs[i]);
          }
        });
  }

  @Override
  public void feedForward(
      float[] x, int rows, LayerNormWeights norm, float eps, Linear intermediate, Linear output) {
    DnnlLinear up = (DnnlLinear) intermediate;
    DnnlLinear down = (DnnlLinear) output;
    inBlocks(
        rows,
        (workspace, first, block) -> {
          NativeRows normed = normed(workspace, x, first, block, norm, eps);
          NativeRows wide = up.multiply(workspace, normed, block);
          if (format.quantized()) {
            wide = quantized(workspace, wide, block);
          }
          down.deliver(workspace, down.multiply(workspace, wide, block), first, block, x);
        });
  }

  private NativeRows normed(
      Workspace workspace, float[] x, int first, int rows, LayerNormWeights norm, float eps) {
    int hidden = norm.weight().length;
    NativeRows normed = workspace.input(format, RowBlocks.padded(rows), hidden);
    float[] row = workspace.row(hidden);
    for (int r = 0; r < rows; r++) {
      VectorLayerNorm.normalize(x, (first + r) * hidden, norm, eps, row, 0, workspace.lanes());
      normed.put(r, 1, row, 0);
    }
    return normed;
  }

  private NativeRows quantized(Workspace workspace, NativeRows source, int rows) {
    NativeRows target = workspace.input(format, RowBlocks.padded(rows), source.width());
    float[] row = workspace.row(source.width());
    for (int r = 0; r < rows; r++) {
      source.get(r, 1, row, 0);
      target.put(r, 1, row, 0);
    }
    return target;
  }

  /** Work on a block of rows. */
  interface BlockTask {
    /**
     * @param first the block's first row
     * @param rows at most {@link RowBlocks#FULL}
     */
    void run(Workspace workspace, int first, int rows);
  }

  /** Cuts rows into blocks and runs each in one workspace. */
  void inBlocks(int rows, BlockTask task) {
    library.openMp().useOneThread();
    Workspace workspace = workspaces.take();
    try {
      for (int first = 0; first < rows; first += RowBlocks.FULL) {
        task.run(workspace, first, Math.min(RowBlocks.FULL, rows - first));
      }
    } finally {
      workspaces.giveBack(workspace);
    }
  }

  synchronized void closed(DnnlLinear linear) {
    open.remove(linear);
    leave(linear.family());
    if (open.isEmpty()) {
      workspaces.drain(Workspace::close);
    }
  }

  private void leave(MatmulFamily family) {
    if (family.removeUser()) {
      families.remove(family.shape());
      family.close();
    }
  }

  /** Closes the layers that are still open. An engine that closes its own needs no such call. */
  @Override
  public void close() {
    List<DnnlLinear> remaining;
    synchronized (this) {
      remaining = List.copyOf(open);
    }
    remaining.forEach(DnnlLinear::close);
  }
}
