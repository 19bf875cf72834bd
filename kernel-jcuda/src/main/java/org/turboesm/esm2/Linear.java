package org.turboesm.esm2;

/** A linear layer whose weights are resident in an engine's own form; many threads may share it. */
public interface Linear extends AutoCloseable {

  /**
   * Applies the layer and its {@link Epilogue}.
   *
   * @param input [rows, inputs]
   * @param output [rows, outputs]; read as the residual by {@link Epilogue#ADD}
   */
  void apply(float[] input, int rows, float[] output);

  /** The width of an output row. */
  int outputs();

  @Override
  void close();

  /** What follows the matrix product and the bias, in the same pass over the output. */
  enum Epilogue {
    /** output = W x + b. */
    NONE,
    /** output = gelu(W x + b), with the exact GELU by erf. */
    GELU,
    /** output += W x + b. */
    ADD
  }
}
