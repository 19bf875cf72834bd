package org.turboesm.engine.cpu;

import java.util.Map;
import org.bytedeco.dnnl.matmul;
import org.bytedeco.javacpp.PointerScope;

/**
 * A compiled matrix product. Its code and its descriptors are shared; what a call changes is in the
 * {@link MatmulCall}s it lends.
 */
@SuppressWarnings("try") // A PointerScope acts by being open.
final class MatmulKernel implements AutoCloseable {
  private final matmul primitive;
  private final Map<MatmulArgument, MatmulOperand> operands;
  private final long scratchpadBytes;
  private final Pool<MatmulCall> calls;

  /**
   * Compiles.
   *
   * @param operands whose layouts live until this is closed
   */
  MatmulKernel(
      OneDnn library,
      matmul.primitive_desc descriptor,
      Map<MatmulArgument, MatmulOperand> operands) {
    this.operands = operands;
    try (PointerScope scope = new PointerScope()) {
      primitive = new matmul(descriptor);
      primitive.retainReference();
      operands.values().forEach(operand -> operand.layout().retainReference());
      scratchpadBytes = operands.get(MatmulArgument.SCRATCHPAD).layout().get_size();
    }
    calls = new Pool<>(() -> new MatmulCall(library, this));
  }

  /** Arguments for one call, the caller's until given back. */
  MatmulCall take() {
    return calls.take();
  }

  void giveBack(MatmulCall call) {
    calls.giveBack(call);
  }

  matmul primitive() {
    return primitive;
  }

  Map<MatmulArgument, MatmulOperand> operands() {
    return operands;
  }

  long scratchpadBytes() {
    return scratchpadBytes;
  }

  @Override
  public void close() {
    calls.drain(MatmulCall::close);
    primitive.deallocate();
    operands.values().forEach(operand -> operand.layout().deallocate());
  }
}
