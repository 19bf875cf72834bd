package org.turboesm.engine.cpu;

import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.memory;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;

/**
 * A kernel's arguments, for one thread at a time. They are views without memory of their own: a
 * call points them at its workspace and its layer, so that none are made or freed in a call.
 */
@SuppressWarnings("try") // A PointerScope acts by being open.
final class MatmulCall implements AutoCloseable {
  private final MatmulKernel kernel;
  private final memory input;
  private final memory weights;
  private final memory bias;
  private final memory output;
  private final memory scratchpad;
  private final IntMemoryMap arguments;

  MatmulCall(MatmulKernel kernel) {
    this.kernel = kernel;
    try (PointerScope scope = new PointerScope()) {
      input = kernel.inputView();
      weights = kernel.weightsView();
      bias = kernel.biasView();
      output = kernel.outputView();
      scratchpad = kernel.scratchpadView();
      arguments = new IntMemoryMap();
      arguments.retainReference();
      arguments.put(dnnl.DNNL_ARG_SRC, input);
      arguments.put(dnnl.DNNL_ARG_WEIGHTS, weights);
      arguments.put(dnnl.DNNL_ARG_BIAS, bias);
      arguments.put(dnnl.DNNL_ARG_DST, output);
      arguments.put(dnnl.DNNL_ARG_SCRATCHPAD, scratchpad);
    }
  }

  void run(Workspace workspace, Pointer packedWeights, Pointer packedBias) {
    input.set_data_handle(workspace.input().address());
    weights.set_data_handle(packedWeights);
    bias.set_data_handle(packedBias);
    output.set_data_handle(workspace.output().address());
    scratchpad.set_data_handle(workspace.scratchpad(kernel.scratchpadBytes()));
    kernel.primitive().execute(workspace.queue(), arguments);
    workspace.queue()._wait();
  }

  @Override
  public void close() {
    arguments.deallocate();
    input.deallocate();
    weights.deallocate();
    bias.deallocate();
    output.deallocate();
    scratchpad.deallocate();
  }
}
