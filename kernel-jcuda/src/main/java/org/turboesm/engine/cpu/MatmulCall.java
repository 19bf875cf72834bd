package org.turboesm.engine.cpu;

import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;

/**
 * A kernel's arguments, for one thread at a time. They are views without memory of their own: a
 * call points them at its rows and its layer, so that none are made or freed in a call.
 */
@SuppressWarnings("try") // A PointerScope acts by being open.
final class MatmulCall implements AutoCloseable {
  private final MatmulKernel kernel;
  private final memory[] views = new memory[MatmulArgument.values().length];
  private final IntMemoryMap arguments;

  MatmulCall(OneDnn library, MatmulKernel kernel) {
    this.kernel = kernel;
    try (PointerScope scope = new PointerScope()) {
      arguments = new IntMemoryMap();
      arguments.retainReference();
      kernel
          .operands()
          .forEach(
              (argument, operand) -> {
                memory view = new memory(operand.layout(), library.processor(), null);
                view.retainReference();
                arguments.put(operand.key(), view);
                views[argument.ordinal()] = view;
              });
    }
  }

  /** Points an argument at memory; one that the kernel does not have is passed over. */
  void point(MatmulArgument argument, Pointer address) {
    memory view = views[argument.ordinal()];
    if (view != null) {
      view.set_data_handle(address);
    }
  }

  /** Runs on what was pointed at, and returns when done. */
  void run(stream queue) {
    kernel.primitive().execute(queue, arguments);
    queue._wait();
  }

  @Override
  public void close() {
    arguments.deallocate();
    for (memory view : views) {
      if (view != null) {
        view.deallocate();
      }
    }
  }
}
