package org.turboesm.bench;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.matmul;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.primitive_attr;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.turboesm.engine.Precision;

/**
 * The matrix products of a transformer layer, and nothing else: no bias, scale or copy, the
 * operands in native memory, weights packed once.
 */
@SuppressWarnings("try") // A PointerScope acts by being open.
final class BareProducts implements AutoCloseable {
  /** What the engine takes at once too. */
  private static final int BLOCK = 128;

  private final engine processor;
  private final stream queue;
  private final List<Product> products = new ArrayList<>();
  private final PointerScope scope = new PointerScope();

  private record Product(matmul primitive, IntMemoryMap arguments) {}

  BareProducts(Precision precision, int hidden) {
    processor = new engine(engine.kind.cpu, 0);
    queue = new stream(processor);
    for (int i = 0; i < 4; i++) {
      products.add(product(precision, hidden, hidden));
    }
    products.add(product(precision, hidden, 4 * hidden));
    products.add(product(precision, 4 * hidden, hidden));
  }

  private Product product(Precision precision, int inputs, int outputs) {
    memory.data_type type =
        switch (precision) {
          case F32 -> memory.data_type.f32;
          case BF16 -> memory.data_type.bf16;
          case INT8 -> memory.data_type.s8;
          case TF32 -> throw new IllegalArgumentException("oneDNN has no TF32 on processors");
        };
    matmul.primitive_desc descriptor =
        new matmul.primitive_desc(
            processor,
            new memory.desc(new long[] {1, BLOCK, inputs}, type, memory.format_tag.abc),
            new memory.desc(new long[] {1, inputs, outputs}, type, memory.format_tag.any),
            new memory.desc(
                new long[] {1, BLOCK, outputs}, memory.data_type.f32, memory.format_tag.abc),
            new primitive_attr(),
            false);
    IntMemoryMap arguments = new IntMemoryMap();
    arguments.put(dnnl.DNNL_ARG_SRC, filled(descriptor.src_desc()));
    arguments.put(dnnl.DNNL_ARG_WEIGHTS, filled(descriptor.weights_desc()));
    arguments.put(dnnl.DNNL_ARG_DST, filled(descriptor.dst_desc()));
    return new Product(new matmul(descriptor), arguments);
  }

  /** Small numbers in any format: bytes of one. */
  private memory filled(memory.desc layout) {
    memory made = new memory(layout, processor);
    Pointer.memset(made.get_data_handle(), 1, layout.get_size());
    return made;
  }

  /** Multiplies so many rows, a multiple of the block. */
  void multiply(int rows) {
    for (int first = 0; first < rows; first += BLOCK) {
      for (Product product : products) {
        product.primitive().execute(queue, product.arguments());
        queue._wait();
      }
    }
  }

  @Override
  public void close() {
    scope.close();
  }
}
