package org.turboesm.udf;

import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ModelLocator;

/**
 * What the driver knows of a model without opening an engine.
 *
 * @param name as on the command line
 * @param config its sizes
 * @param hash of its weights
 */
public record ModelIdentity(String name, EsmConfig config, String hash) {

  /**
   * Reads a model's files once.
   *
   * @throws org.turboesm.TurboEsmException if there is no such model, or its files are not whole
   */
  public static ModelIdentity read(String model) {
    try (EsmWeights weights = EsmWeights.open(ModelLocator.locate(model))) {
      return new ModelIdentity(model, weights.config(), weights.hash());
    }
  }
}
