package org.turboesm.attention.vector;

import jdk.incubator.vector.FloatVector;
import org.turboesm.attention.AttentionState;
import org.turboesm.kv.FullKvBlocks;

/** One query over full-precision blocks; a vector's lanes are tokens, for keys and for values. */
final class FullDecodeKernel {
  private static final int BLOCK = Lanes.BLOCK;

  private FullDecodeKernel() {}

  static void decode(float[] query, int queryOffset, FullKvBlocks cache, AttentionState state) {
    int length = cache.length();
    if (length == 0) {
      return;
    }
    int headDim = cache.headDim();
    int padded = Lanes.roundUp(length, BLOCK);
    float[] weights = new float[padded];
    for (int first = 0; first < padded; first += BLOCK) {
      for (int v = 0; v < BLOCK; v += Lanes.COUNT) {
        dotProducts(query, queryOffset, headDim, cache.keys(), first * headDim + v)
            .intoArray(weights, first + v);
      }
    }
    float max = state.raiseMax(Softmax.maxAndPad(weights, 0, length, padded));
    state.addDenominator(Softmax.exponentials(weights, 0, padded, max));
    addValues(weights, padded, headDim, cache.values(), state.output());
  }

  /** q . k of one vector's tokens; two chains, to hide the latency of the multiply-add. */
  private static FloatVector dotProducts(
      float[] query, int queryOffset, int headDim, float[] keys, int offset) {
    FloatVector even = Lanes.broadcast(0);
    FloatVector odd = Lanes.broadcast(0);
    for (int c = 0; c < headDim; c += 2) {
      even =
          Lanes.load(keys, offset + c * BLOCK).fma(Lanes.broadcast(query[queryOffset + c]), even);
      odd =
          Lanes.load(keys, offset + (c + 1) * BLOCK)
              .fma(Lanes.broadcast(query[queryOffset + c + 1]), odd);
    }
    return even.add(odd);
  }

  private static void addValues(
      float[] weights, int padded, int headDim, float[] values, float[] output) {
    float[] partialSums = new float[headDim * Lanes.COUNT];
    for (int first = 0; first < padded; first += BLOCK) {
      for (int v = 0; v < BLOCK; v += Lanes.COUNT) {
        FloatVector weight = Lanes.load(weights, first + v);
        int offset = first * headDim + v;
        for (int c = 0; c < headDim; c++) {
          FloatVector sum = Lanes.load(partialSums, c * Lanes.COUNT);
          Lanes.load(values, offset + c * BLOCK)
              .fma(weight, sum)
              .intoArray(partialSums, c * Lanes.COUNT);
        }
      }
    }
    float[] scratch = new float[Lanes.COUNT];
    for (int c = 0; c < headDim; c++) {
      output[c] += Lanes.sum(Lanes.load(partialSums, c * Lanes.COUNT), scratch);
    }
  }
}
