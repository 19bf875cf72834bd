package org.turboesm.engine.cpu;

import java.util.concurrent.locks.StampedLock;
import org.turboesm.esm2.Linear;
import org.turboesm.esm2.LinearWeights;

/**
 * A linear layer whose packed weights all threads share. Rows go through it a block at a time, in
 * native memory.
 */
final class DnnlLinear implements Linear {
  private final CpuOperators owner;
  private final MatmulFamily family;
  private final boolean adds;
  private final PackedWeights weights;

  /** Calls read, close writes: what a call uses is not freed under it. */
  private final StampedLock lifetime = new StampedLock();

  private boolean closed;

  /**
   * @param adds whether the result is added to the output
   */
  DnnlLinear(CpuOperators owner, MatmulFamily family, boolean adds, LinearWeights plain) {
    this.owner = owner;
    this.family = family;
    this.adds = adds;
    this.weights = family.pack(plain);
  }

  MatmulFamily family() {
    return family;
  }

  MatmulShape shape() {
    return family.shape();
  }

  @Override
  public int outputs() {
    return shape().outputs();
  }

  @Override
  public void apply(float[] input, int rows, float[] output) {
    int inputs = shape().inputs();
    owner.inBlocks(
        rows,
        (workspace, first, block) -> {
          NativeRows matrix = workspace.input(shape().format(), RowBlocks.padded(block), inputs);
          matrix.put(0, block, input, first * inputs);
          deliver(workspace, multiply(workspace, matrix, block), first, block, output);
        });
  }

  /**
   * Runs a block.
   *
   * @param input [padded rows, inputs]
   * @return [padded rows, outputs] of the workspace
   */
  NativeRows multiply(Workspace workspace, NativeRows input, int rows) {
    int padded = RowBlocks.padded(rows);
    NativeRows result = workspace.output(shape(), padded);
    long stamp = lifetime.readLock();
    try {
      if (closed) {
        throw new IllegalStateException("the layer is closed");
      }
      run(workspace, family.forRows(padded), input, result);
    } finally {
      lifetime.unlockRead(stamp);
    }
    return result;
  }

  private void run(Workspace workspace, MatmulKernel kernel, NativeRows input, NativeRows result) {
    MatmulCall call = kernel.take();
    try {
      call.point(MatmulArgument.INPUT, input.address());
      call.point(MatmulArgument.WEIGHTS, weights.weights());
      call.point(MatmulArgument.BIAS, weights.bias());
      call.point(MatmulArgument.OUTPUT, result.address());
      call.point(MatmulArgument.SCRATCHPAD, workspace.scratchpad(kernel.scratchpadBytes()));
      call.point(MatmulArgument.ROW_SCALES, input.scales());
      call.point(MatmulArgument.WEIGHT_SCALES, weights.scales());
      call.point(MatmulArgument.SHIFT, weights.shift());
      call.run(workspace.queue());
    } finally {
      kernel.giveBack(call);
    }
  }

  /** Writes a block's result to its rows of the output, or adds it to them. */
  void deliver(Workspace workspace, NativeRows result, int first, int rows, float[] output) {
    if (!adds) {
      result.get(0, rows, output, first * outputs());
      return;
    }
    float[] row = workspace.row(outputs());
    for (int r = 0; r < rows; r++) {
      result.get(r, 1, row, 0);
      VectorAddition.add(row, outputs(), output, (first + r) * outputs());
    }
  }

  @Override
  public void close() {
    long stamp = lifetime.writeLock();
    try {
      if (closed) {
        return;
      }
      closed = true;
      weights.close();
    } finally {
      lifetime.unlockWrite(stamp);
    }
    owner.closed(this);
  }
}
