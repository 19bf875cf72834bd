package org.turboesm.udf;

import java.time.Duration;
import org.turboesm.calibration.Calibration;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngineProvider;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.TurboEngine;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ModelLocator;
import org.turboesm.esm2.OutputGrams;

/**
 * A model that stays open in this JVM and is shared by its tasks: the mapped weights, the engine,
 * and the engine over a packed cache for the calibration in use.
 */
public final class ResidentModel {
  /** Calibrations that nobody uses at the moment: the last one stays for the next stage. */
  private static final int IDLE_CALIBRATIONS = 1;

  private final EsmWeights weights;
  private final EsmEngine engine;
  private final OutputGrams outputGrams;
  private final LeaseCache<String, TurboEngine> turbo =
      new LeaseCache<>(IDLE_CALIBRATIONS, packed -> true, TurboEngine::close, Duration.ZERO);

  private ResidentModel(EsmWeights weights, EsmEngine engine) {
    this.weights = weights;
    this.engine = engine;
    this.outputGrams = new OutputGrams(weights.config(), weights::attentionOutput);
  }

  /**
   * @param provider of the engine that the spec asks for
   */
  static ResidentModel open(EngineSpec spec, EsmEngineProvider provider) {
    EsmWeights weights = EsmWeights.open(ModelLocator.locate(spec.model()));
    try {
      return new ResidentModel(
          weights, EsmEngines.open(provider, spec.precision(), weights, spec.device()));
    } catch (RuntimeException | Error e) {
      weights.close();
      throw e;
    }
  }

  public EsmWeights weights() {
    return weights;
  }

  public EsmEngine engine() {
    return engine;
  }

  /** What errors of attention outputs weigh after W_o; computed when it is first used. */
  public OutputGrams outputGrams() {
    return outputGrams;
  }

  public EsmConfig config() {
    return weights.config();
  }

  /**
   * Leases the engine over a cache packed by this calibration. Close it before this model's lease.
   *
   * @throws org.turboesm.TurboEsmException if the calibration is of other weights
   */
  public Lease<TurboEngine> turbo(Calibration calibration) {
    calibration.requireModel(weights.hash());
    return turbo.lease(calibration.hash(), () -> engine.turbo(calibration.codec()));
  }

  /** Whether the engine can still run. */
  boolean healthy() {
    return engine.healthy();
  }

  void close() {
    turbo.close();
    engine.close();
    weights.close();
  }
}
