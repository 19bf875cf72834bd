package org.turboesm.engine.cpu;

import org.bytedeco.javacpp.Pointer;

/**
 * A layer's weights in native memory.
 *
 * @param weightMemory as the kernels want them
 * @param biasMemory [outputs], f32
 * @param scaleMemory [outputs], f32; null where the weights are not quantized
 * @param shiftMemory [outputs], f32; null where activations are not shifted
 */
record PackedWeights(
    NativeMemory weightMemory,
    NativeMemory biasMemory,
    NativeMemory scaleMemory,
    NativeMemory shiftMemory)
    implements AutoCloseable {

  Pointer weights() {
    return weightMemory.address();
  }

  Pointer bias() {
    return biasMemory.address();
  }

  Pointer scales() {
    return scaleMemory == null ? null : scaleMemory.address();
  }

  Pointer shift() {
    return shiftMemory == null ? null : shiftMemory.address();
  }

  @Override
  public void close() {
    for (NativeMemory memory :
        new NativeMemory[] {weightMemory, biasMemory, scaleMemory, shiftMemory}) {
      if (memory != null) {
        memory.close();
      }
    }
  }
}
