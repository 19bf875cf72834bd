package org.turboesm.job;

import java.util.List;
import java.util.Optional;
import org.turboesm.engine.EngineCapabilities;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngineProvider;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.Precision;
import org.turboesm.esm2.EsmWeights;

/** Makes engines of {@link SmallDeviceEngine}; {@code auto} never takes it. */
public final class SmallDeviceEngineProvider implements EsmEngineProvider {
  static final String NAME = "small-device";

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public int rank() {
    return Integer.MIN_VALUE;
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
    return "the reference engine on a device of little memory";
  }

  @Override
  public boolean usesDevice() {
    return true;
  }

  @Override
  public EsmEngine open(EsmWeights weights, Precision precision, int device) {
    return new SmallDeviceEngine(
        EsmEngines.open("reference", precision.label(), weights),
        new EngineCapabilities(NAME, precision, "device " + device));
  }
}
