package org.turboesm.engine.cuda;

/** The caches of a decode session, of all its sequences and layers. */
interface SessionCache extends AutoCloseable {

  /**
   * Queues projections into the caches as whole prefixes; queries, keys and values are left in the
   * workspace.
   */
  void fill(
      Lane lane,
      int layer,
      Projections projections,
      PassInputs inputs,
      TokenBlocks blocks,
      Workspace w);

  /** Whether a sequence's unfilled block goes to a tail. */
  boolean tail();

  /** Splits that attention over the longest sequence is cut into. */
  int splits();

  /**
   * Queues a step's projections into the caches, and attention over them and all before.
   *
   * @param queries floats, [rows, heads, headDim], overwritten
   * @param lengths rows with the caches' lengths before the step
   * @param kvLens rows with the lengths after it
   */
  void step(
      Lane lane,
      int layer,
      Projections projections,
      DecodeRows lengths,
      DecodeRows kvLens,
      org.turboesm.cuda.DevicePointer queries,
      PartialStates partial);

  /** Bytes that a sequence of so many tokens takes. */
  long bytes(int tokens);

  @Override
  void close();
}
