package org.turboesm.engine.cpu;

import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.primitive_attr;
import org.bytedeco.dnnl.reduction;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;

/** The sum of each row of a matrix, [rows, columns] to [rows, 1] in f32. */
@SuppressWarnings("try") // A PointerScope acts by being open.
final class RowSums implements AutoCloseable {
  private final OneDnn library;
  private final memory.desc input;
  private final memory.desc output;
  private final reduction primitive;
  private final Pool<Call> calls = new Pool<>(Call::new);

  /** Compiles. */
  RowSums(OneDnn library, memory.data_type type, int rows, int columns) {
    this.library = library;
    try (PointerScope scope = new PointerScope()) {
      input = new memory.desc(new long[] {rows, columns}, type, memory.format_tag.ab);
      output = new memory.desc(new long[] {rows, 1}, memory.data_type.f32, memory.format_tag.ab);
      primitive =
          new reduction(
              new reduction.primitive_desc(
                  library.processor(),
                  dnnl.algorithm.reduction_sum.value,
                  input,
                  output,
                  0f,
                  0f,
                  new primitive_attr(),
                  false));
      input.retainReference();
      output.retainReference();
      primitive.retainReference();
    }
  }

  /** Sums and returns when done. */
  void run(stream queue, Pointer rows, Pointer sums) {
    Call call = calls.take();
    try {
      call.input.set_data_handle(rows);
      call.output.set_data_handle(sums);
      primitive.execute(queue, call.arguments);
      queue._wait();
    } finally {
      calls.giveBack(call);
    }
  }

  /** Views for one thread at a time. */
  private final class Call implements AutoCloseable {
    private final memory input;
    private final memory output;
    private final IntMemoryMap arguments;

    Call() {
      try (PointerScope scope = new PointerScope()) {
        input = new memory(RowSums.this.input, library.processor(), null);
        output = new memory(RowSums.this.output, library.processor(), null);
        arguments = new IntMemoryMap();
        arguments.put(dnnl.DNNL_ARG_SRC, input);
        arguments.put(dnnl.DNNL_ARG_DST, output);
        input.retainReference();
        output.retainReference();
        arguments.retainReference();
      }
    }

    @Override
    public void close() {
      arguments.deallocate();
      input.deallocate();
      output.deallocate();
    }
  }

  @Override
  public void close() {
    calls.drain(Call::close);
    primitive.deallocate();
    input.deallocate();
    output.deallocate();
  }
}
