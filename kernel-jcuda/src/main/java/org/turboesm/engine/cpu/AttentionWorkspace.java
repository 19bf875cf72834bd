package org.turboesm.engine.cpu;

import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.PointerScope;

/** What one thread needs for the attention of a sequence; reused. */
@SuppressWarnings("try") // A PointerScope acts by being open.
final class AttentionWorkspace implements AutoCloseable {
  private final NativeRows queries;
  private final NativeRows keys;
  private final NativeRows values;
  private final NativeRows weights;
  private final FloatRows outputs;
  private final FloatRows sums;
  private final Scratchpad scratchpad;
  private final Address inputAddress = new Address();
  private final Address otherAddress = new Address();
  private final stream queue;
  private final FloatScratch row = new FloatScratch();
  private final FloatScratch mean = new FloatScratch();
  private final FloatScratch tile = new FloatScratch();
  private final FloatScratch denominators = new FloatScratch();

  AttentionWorkspace(OneDnn library, memory.data_type type) {
    queries = rows(library, type);
    keys = rows(library, type);
    values = rows(library, type);
    weights = rows(library, type);
    outputs = new FloatRows(library);
    sums = new FloatRows(library);
    scratchpad = new Scratchpad(library);
    try (PointerScope scope = new PointerScope()) {
      queue = new stream(library.processor());
      queue.retainReference();
    }
  }

  private static NativeRows rows(OneDnn library, memory.data_type type) {
    return type == memory.data_type.f32 ? new FloatRows(library) : new Bfloat16Rows(library);
  }

  /** [queries, heads * headDim]. */
  NativeRows queries() {
    return queries;
  }

  /** [keys, heads * headDim]. */
  NativeRows keys() {
    return keys;
  }

  /** [keys, heads * headDim]. */
  NativeRows values() {
    return values;
  }

  /** [heads * queries of a tile, keys]. */
  NativeRows weights() {
    return weights;
  }

  /** [heads * queries of a tile, headDim]. */
  FloatRows outputs() {
    return outputs;
  }

  /** [heads * queries of a tile, 1]. */
  FloatRows sums() {
    return sums;
  }

  Scratchpad scratchpad() {
    return scratchpad;
  }

  Address inputAddress() {
    return inputAddress;
  }

  Address otherAddress() {
    return otherAddress;
  }

  stream queue() {
    return queue;
  }

  /** One token's heads, at least so wide; holds anything. */
  float[] row(int width) {
    return row.require(width);
  }

  /** The mean key, at least so wide; holds anything. */
  float[] mean(int width) {
    return mean.require(width);
  }

  /** A tile's outputs, at least so many; holds anything. */
  float[] tile(int size) {
    return tile.require(size);
  }

  /** A tile's denominators, at least so many; holds anything. */
  float[] denominators(int size) {
    return denominators.require(size);
  }

  @Override
  public void close() {
    queue.deallocate();
    queries.close();
    keys.close();
    values.close();
    weights.close();
    outputs.close();
    sums.close();
    scratchpad.close();
  }
}
