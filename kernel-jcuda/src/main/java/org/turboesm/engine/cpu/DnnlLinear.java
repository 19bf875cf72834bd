package org.turboesm.engine.cpu;

import java.util.concurrent.locks.StampedLock;
import org.turboesm.esm2.Linear;
import org.turboesm.esm2.LinearWeights;

/**
 * A linear layer whose packed weights all threads share. Each call copies a block of rows into
 * native memory, multiplies, and copies the result back.
 */
final class DnnlLinear implements Linear {
  private final CpuOperators owner;
  private final MatmulFamily family;
  private final NativeMemory weights;
  private final NativeMemory bias;

  /** Calls read, close writes: what a call uses is not freed under it. */
  private final StampedLock lifetime = new StampedLock();

  private boolean closed;

  DnnlLinear(CpuOperators owner, MatmulFamily family, LinearWeights plain) {
    this.owner = owner;
    this.family = family;
    this.weights = family.packWeights(plain.weight());
    try {
      this.bias = family.packBias(plain.bias());
    } catch (RuntimeException e) {
      weights.close();
      throw e;
    }
  }

  MatmulFamily family() {
    return family;
  }

  @Override
  public void apply(float[] input, int rows, float[] output) {
    long stamp = lifetime.readLock();
    try {
      if (closed) {
        throw new IllegalStateException("the layer is closed");
      }
      owner.openMp().useOneThread();
      Workspace workspace = owner.workspaces().take();
      try {
        applyInBlocks(workspace, input, rows, output);
      } finally {
        owner.workspaces().giveBack(workspace);
      }
    } finally {
      lifetime.unlockRead(stamp);
    }
  }

  private void applyInBlocks(Workspace workspace, float[] input, int rows, float[] output) {
    int inputs = family.shape().inputs();
    int outputs = family.shape().outputs();
    for (int first = 0; first < rows; first += RowBlocks.FULL) {
      int block = Math.min(RowBlocks.FULL, rows - first);
      int padded = RowBlocks.padded(block);
      workspace.input().require(padded * inputs);
      workspace.output().require(padded * outputs);
      workspace.input().copyIn(input, first * inputs, block * inputs);
      if (family.shape().epilogue() == Epilogue.ADD) {
        workspace.output().copyIn(output, first * outputs, block * outputs);
      }
      family.forRows(padded).run(workspace, weights.address(), bias.address());
      workspace.output().copyOut(output, first * outputs, block * outputs);
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
      bias.close();
    } finally {
      lifetime.unlockWrite(stamp);
    }
    owner.closed(this);
  }
}
