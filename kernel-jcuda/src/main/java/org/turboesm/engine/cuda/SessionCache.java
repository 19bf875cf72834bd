package org.turboesm.engine.cuda;

import org.turboesm.cuda.DevicePointer;
import org.turboesm.engine.RangeTally;

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
      DevicePointer queries,
      PartialStates partial);

  /**
   * Gives a tally what was counted in all prefixes and steps, where the cache counts; waits for the
   * stream.
   *
   * @param lookedAt tokens
   */
  void addRangesTo(RangeTally tally, Lane lane, long lookedAt);

  /** Bytes that a sequence of so many tokens takes. */
  long bytes(int tokens);

  @Override
  void close();
}
