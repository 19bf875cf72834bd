package org.turboesm.engine;

import java.util.List;
import java.util.Optional;
import org.turboesm.esm2.EsmWeights;

/** The best engine of all, on hardware that no machine has. */
public final class AbsentEngineProvider implements EsmEngineProvider {
  static final String REASON = "no such hardware is there; use --engine cpu";

  @Override
  public String name() {
    return "absent";
  }

  @Override
  public int rank() {
    return Integer.MAX_VALUE;
  }

  @Override
  public Optional<String> unavailable() {
    return Optional.of(REASON);
  }

  @Override
  public List<Precision> precisions() {
    return List.of();
  }

  @Override
  public String description() {
    return "nothing";
  }

  @Override
  public EsmEngine open(EsmWeights weights, Precision precision, int device) {
    throw new IllegalStateException("an engine that cannot run was opened");
  }
}
