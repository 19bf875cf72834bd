package org.turboesm.engine.cpu;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.turboesm.esm2.EsmOperators;
import org.turboesm.esm2.LayerNormWeights;
import org.turboesm.esm2.Linear;
import org.turboesm.esm2.LinearWeights;

/**
 * Linear layers through oneDNN, LayerNorm in the Java Vector API. Every call runs on the thread
 * that makes it, and on that thread alone.
 *
 * <p>A row's result depends on that row and the weights, not on the batch around it: equal to the
 * bit.
 */
public final class CpuOperators implements EsmOperators, AutoCloseable {
  private final OneDnn library;
  private final Map<MatmulShape, MatmulFamily> families = new HashMap<>();
  private final Set<DnnlLinear> open = new HashSet<>();
  private final Pool<Workspace> workspaces;

  /**
   * Loads the native library where it is not loaded yet.
   *
   * @throws org.turboesm.TurboEsmException where it cannot be used here
   */
  public CpuOperators() {
    library = OneDnn.get();
    workspaces = new Pool<>(() -> new Workspace(library));
  }

  @Override
  public synchronized Linear linear(LinearWeights weights, Linear.Epilogue epilogue) {
    openMp().useOneThread();
    MatmulShape shape = new MatmulShape(weights.inputs(), weights.outputs(), epilogue);
    MatmulFamily family = families.computeIfAbsent(shape, made -> new MatmulFamily(library, made));
    family.addUser();
    try {
      DnnlLinear linear = new DnnlLinear(this, family, weights);
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

  OpenMp openMp() {
    return library.openMp();
  }

  Pool<Workspace> workspaces() {
    return workspaces;
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
