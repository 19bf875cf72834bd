package org.turboesm.engine.cpu;

import java.util.EnumMap;
import java.util.Map;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;

/** What one call needs for itself: lent to one thread at a time, and reused. */
@SuppressWarnings("try") // A PointerScope acts by being open.
final class Workspace implements AutoCloseable {
  private final OneDnn library;
  private final Map<MatmulFormat, NativeRows> inputs = new EnumMap<>(MatmulFormat.class);
  private final FloatRows output;
  private final FloatRows floatIntermediate;
  private final Bfloat16Rows bfloat16Intermediate;
  private final float[] lanes = new float[VectorLayerNorm.lanes()];
  private final Scratchpad scratchpad;
  private final stream queue;
  private final FloatScratch row = new FloatScratch();

  Workspace(OneDnn library) {
    this.library = library;
    this.output = new FloatRows(library);
    this.floatIntermediate = new FloatRows(library);
    this.bfloat16Intermediate = new Bfloat16Rows(library);
    this.scratchpad = new Scratchpad(library);
    try (PointerScope scope = new PointerScope()) {
      queue = new stream(library.processor());
      queue.retainReference();
    }
  }

  /** The rows that a product reads, shaped. */
  NativeRows input(MatmulFormat format, int rows, int width) {
    NativeRows input = inputs.computeIfAbsent(format, this::makeInput);
    input.shape(rows, width);
    return input;
  }

  private NativeRows makeInput(MatmulFormat format) {
    return switch (format) {
      case F32 -> new FloatRows(library);
      case BF16 -> new Bfloat16Rows(library);
      case INT8, SHIFTED_INT7 -> new QuantizedRows(library, format);
    };
  }

  /**
   * The rows that a layer leaves, shaped. Those of a layer with GELU stand apart, so that the next
   * layer may read them while it writes its own.
   */
  NativeRows output(MatmulShape shape, int rows) {
    NativeRows target = output;
    if (shape.gelu()) {
      target = shape.result() == memory.data_type.f32 ? floatIntermediate : bfloat16Intermediate;
    }
    target.shape(rows, shape.outputs());
    return target;
  }

  /** One row on the Java side, at least so wide. */
  float[] row(int width) {
    return row.require(width);
  }

  /** The lanes of a vector. */
  float[] lanes() {
    return lanes;
  }

  stream queue() {
    return queue;
  }

  /** A kernel's scratchpad of so many bytes. */
  Pointer scratchpad(long bytes) {
    return scratchpad.require(bytes);
  }

  @Override
  public void close() {
    queue.deallocate();
    inputs.values().forEach(NativeRows::close);
    inputs.clear();
    output.close();
    floatIntermediate.close();
    bfloat16Intermediate.close();
    scratchpad.close();
  }
}
