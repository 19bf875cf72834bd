package org.turboesm.udf;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.turboesm.TurboEsmException;
import org.turboesm.engine.EsmEngineProvider;
import org.turboesm.engine.EsmEngines;

/**
 * The engines of this JVM, a driver's or an executor's: one resident model a device, whatever the
 * number of tasks. A task runs on the device that Spark has given it, else on that of the spec. A
 * model that no task uses stays open until another one is asked for; one whose engine has failed is
 * not used again.
 */
public final class EngineHolder {
  private static final Logger LOG = LoggerFactory.getLogger(EngineHolder.class);

  private static final int IDLE_MODELS = 1;

  /** A task that still has a failed model fails at its next call of the device. */
  private static final Duration LONGEST_END_OF_A_FAILED_MODEL = Duration.ofMinutes(1);

  /** By what was asked for, so that {@code auto} decides once. */
  private static final Map<String, EsmEngineProvider> PROVIDERS = new ConcurrentHashMap<>();

  /** By device; engines that use none are all of device 0. */
  private static final Map<Integer, LeaseCache<EngineSpec, ResidentModel>> MODELS =
      new ConcurrentHashMap<>();

  private EngineHolder() {}

  /**
   * Leases the model, opened if it is not.
   *
   * @throws TurboEsmException with the reason and the remedy, if the model or the engine cannot be
   *     opened
   */
  public static Lease<ResidentModel> lease(EngineSpec spec) {
    EsmEngineProvider provider = PROVIDERS.computeIfAbsent(spec.engine(), EsmEngines::select);
    TaskDevice task = TaskDevice.ofRunningTask();
    EngineSpec placed = spec.onDevice(provider.usesDevice() ? task.ordinal(spec.device()) : 0);
    return MODELS
        .computeIfAbsent(placed.device(), device -> cache())
        .lease(placed, () -> open(placed, provider));
  }

  private static LeaseCache<EngineSpec, ResidentModel> cache() {
    return new LeaseCache<>(
        IDLE_MODELS, ResidentModel::healthy, ResidentModel::close, LONGEST_END_OF_A_FAILED_MODEL);
  }

  /**
   * Leases the model and checks that it is the one the driver has.
   *
   * @param modelHash the driver's {@link org.turboesm.esm2.EsmWeights#hash()}
   * @throws TurboEsmException also if this JVM finds other weights under the model's name
   */
  public static Lease<ResidentModel> lease(EngineSpec spec, String modelHash) {
    Lease<ResidentModel> lease = lease(spec);
    String found = lease.value().weights().hash();
    if (!found.equals(modelHash)) {
      String folder = lease.value().weights().folder().toString();
      lease.close();
      throw new TurboEsmException(
          "model "
              + spec.model()
              + " is not the same everywhere: the driver's weights have hash "
              + modelHash
              + ", those in "
              + folder
              + " on this executor "
              + found
              + "; give every machine the same files");
    }
    return lease;
  }

  private static ResidentModel open(EngineSpec spec, EsmEngineProvider provider) {
    long start = System.nanoTime();
    ResidentModel model = ResidentModel.open(spec, provider);
    LOG.info(
        "model {} is resident after {} s: engine {}, {}{}",
        spec.model(),
        (System.nanoTime() - start) / 1_000_000 / 1000.0,
        model.engine().capabilities().engine(),
        model.engine().capabilities().precision().label(),
        provider.usesDevice() ? ", device " + spec.device() : "");
    return model;
  }
}
