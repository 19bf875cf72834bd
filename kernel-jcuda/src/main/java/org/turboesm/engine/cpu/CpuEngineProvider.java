package org.turboesm.engine.cpu;

import java.util.List;
import java.util.Optional;
import org.turboesm.TurboEsmException;
import org.turboesm.engine.EngineCapabilities;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngineProvider;
import org.turboesm.engine.HostEngine;
import org.turboesm.engine.Precision;
import org.turboesm.esm2.EsmWeights;

/** The engine for processors: oneDNN and the Java Vector API. Loads nothing until it is asked. */
public final class CpuEngineProvider implements EsmEngineProvider {

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public int rank() {
    return 50;
  }

  @Override
  public Optional<String> unavailable() {
    return CpuRequirements.ofThisJvm().unmet();
  }

  @Override
  public List<Precision> precisions() {
    return unavailable().isPresent() ? List.of() : OneDnn.get().precisions();
  }

  @Override
  public String description() {
    if (unavailable().isPresent()) {
      return "oneDNN and the Java Vector API";
    }
    return OneDnn.get().description() + ", Vector API " + VectorLayerNorm.bits() + " bits";
  }

  @Override
  public EsmEngine open(EsmWeights weights, Precision precision, int device) {
    unavailable()
        .ifPresent(
            reason -> {
              throw new TurboEsmException("engine " + name() + " cannot run here: " + reason);
            });
    CpuOperators operators = new CpuOperators(precision);
    CpuAttentionKernels kernels = new CpuAttentionKernels(precision);
    try {
      return new HostEngine(
          weights, operators, kernels, new EngineCapabilities(name(), precision, description()));
    } catch (RuntimeException | Error e) {
      // A model that does not fit fails half-way: its first layers must not stay resident.
      operators.close();
      kernels.close();
      throw e;
    }
  }
}
