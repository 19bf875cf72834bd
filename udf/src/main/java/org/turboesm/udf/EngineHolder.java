package org.turboesm.udf;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.turboesm.TurboEsmException;

/**
 * The engines of this JVM, a driver's or an executor's: one resident model, whatever the number of
 * tasks. A model that no task uses stays open until another one is asked for.
 */
public final class EngineHolder {
  private static final Logger LOG = LoggerFactory.getLogger(EngineHolder.class);

  private static final int IDLE_MODELS = 1;

  private static final LeaseCache<EngineSpec, ResidentModel> MODELS =
      new LeaseCache<>(IDLE_MODELS, ResidentModel::close);

  private EngineHolder() {}

  /**
   * Leases the model, opened if it is not.
   *
   * @throws TurboEsmException with the reason and the remedy, if the model or the engine cannot be
   *     opened
   */
  public static Lease<ResidentModel> lease(EngineSpec spec) {
    return MODELS.lease(spec, () -> open(spec));
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

  private static ResidentModel open(EngineSpec spec) {
    long start = System.nanoTime();
    ResidentModel model = ResidentModel.open(spec);
    LOG.info(
        "model {} is resident after {} s: engine {}, {}",
        spec.model(),
        (System.nanoTime() - start) / 1_000_000 / 1000.0,
        model.engine().capabilities().engine(),
        model.engine().capabilities().precision().label());
    return model;
  }
}
