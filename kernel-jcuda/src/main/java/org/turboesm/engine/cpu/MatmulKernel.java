package org.turboesm.engine.cpu;

import org.bytedeco.dnnl.matmul;
import org.bytedeco.dnnl.memory;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;

/**
 * The compiled kernel of a shape for one number of rows. Its code and its descriptors are shared;
 * what a call changes is in the {@link MatmulCall}s it lends.
 */
@SuppressWarnings("try") // A PointerScope acts by being open.
final class MatmulKernel implements AutoCloseable {
  private final OneDnn library;
  private final matmul primitive;
  private final memory.desc input;
  private final memory.desc weights;
  private final memory.desc bias;
  private final memory.desc output;
  private final memory.desc scratchpad;
  private final long scratchpadBytes;
  private final Pool<MatmulCall> calls;

  MatmulKernel(OneDnn library, matmul.primitive_desc descriptor) {
    this.library = library;
    try (PointerScope scope = new PointerScope()) {
      primitive = kept(new matmul(descriptor));
      input = kept(descriptor.src_desc());
      weights = kept(descriptor.weights_desc());
      bias = kept(descriptor.bias_desc());
      output = kept(descriptor.dst_desc());
      scratchpad = kept(descriptor.scratchpad_desc());
      scratchpadBytes = scratchpad.get_size();
    }
    calls = new Pool<>(() -> new MatmulCall(this));
  }

  /** Keeps an object beyond the scope it is made in. */
  private static <P extends Pointer> P kept(P pointer) {
    pointer.retainReference();
    return pointer;
  }

  /** Runs on the workspace's input and output, and returns when done. */
  void run(Workspace workspace, Pointer packedWeights, Pointer packedBias) {
    MatmulCall call = calls.take();
    try {
      call.run(workspace, packedWeights, packedBias);
    } finally {
      calls.giveBack(call);
    }
  }

  matmul primitive() {
    return primitive;
  }

  memory inputView() {
    return view(input);
  }

  memory weightsView() {
    return view(weights);
  }

  memory biasView() {
    return view(bias);
  }

  memory outputView() {
    return view(output);
  }

  memory scratchpadView() {
    return view(scratchpad);
  }

  long scratchpadBytes() {
    return scratchpadBytes;
  }

  private memory view(memory.desc layout) {
    return kept(new memory(layout, library.processor(), null));
  }

  @Override
  public void close() {
    calls.drain(MatmulCall::close);
    primitive.deallocate();
    input.deallocate();
    weights.deallocate();
    bias.deallocate();
    output.deallocate();
    scratchpad.deallocate();
  }
}
