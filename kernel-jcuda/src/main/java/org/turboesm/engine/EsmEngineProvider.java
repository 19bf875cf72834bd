package org.turboesm.engine;

import java.util.List;
import java.util.Optional;
import org.turboesm.esm2.EsmWeights;

/** Makes engines of one kind; found by {@link java.util.ServiceLoader}. */
public interface EsmEngineProvider {

  /** The name on the command line. */
  String name();

  /** {@code auto} takes the available engine with the largest rank. */
  int rank();

  /** Why this engine cannot run here and what to do about it, or empty where it can. */
  Optional<String> unavailable();

  /** What it can run here, best first; empty where it cannot run. */
  List<Precision> precisions();

  /** What it would run on, for people: instruction set, library, device. */
  String description();

  /**
   * Whether its engines run on one of several devices, and not on the processor: models are then
   * resident by device, and Spark's tasks ask for one.
   */
  default boolean usesDevice() {
    return false;
  }

  /**
   * Whether a device of this engine's is here, even if the engine cannot run for want of something
   * else. Then {@code auto} does not pass over it.
   */
  default boolean deviceExists() {
    return false;
  }

  /**
   * Makes a model resident.
   *
   * @param precision one of {@link #precisions()}
   * @param device the device's ordinal, from 0; without meaning where {@link #usesDevice} is false
   */
  EsmEngine open(EsmWeights weights, Precision precision, int device);
}
