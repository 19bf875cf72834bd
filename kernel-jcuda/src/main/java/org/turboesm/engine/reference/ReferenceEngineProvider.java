package org.turboesm.engine.reference;

import java.util.List;
import java.util.Optional;
import org.turboesm.attention.reference.ReferenceAttentionKernels;
import org.turboesm.engine.EngineCapabilities;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngineProvider;
import org.turboesm.engine.HostEngine;
import org.turboesm.engine.Precision;
import org.turboesm.esm2.EsmWeights;

/** The oracle: plain Java, runs everywhere, far too slow for work. */
public final class ReferenceEngineProvider implements EsmEngineProvider {

  @Override
  public String name() {
    return "reference";
  }

  @Override
  public int rank() {
    return 0;
  }

  @Override
  public Optional<String> unavailable() {
    return Optional.empty();
  }

  @Override
  public List<Precision> precisions() {
    return List.of(Precision.F32);
  }

  @Override
  public String description() {
    return "plain Java loops in double; for checking, not for work";
  }

  @Override
  public EsmEngine open(EsmWeights weights, Precision precision, int device) {
    return new HostEngine(
        weights,
        new ReferenceOperators(),
        new ReferenceAttentionKernels(),
        new EngineCapabilities(name(), precision, description()));
  }
}
