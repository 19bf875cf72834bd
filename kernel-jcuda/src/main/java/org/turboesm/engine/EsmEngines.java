package org.turboesm.engine;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.turboesm.TurboEsmException;
import org.turboesm.esm2.EsmWeights;

/** Finds the engines of the class path and opens the one asked for. */
public final class EsmEngines {
  /** The word that takes the best engine that works. */
  public static final String AUTO = "auto";

  private static final Logger LOG = LoggerFactory.getLogger(EsmEngines.class);

  private EsmEngines() {}

  /** All engines of the class path, best first, available or not. */
  public static List<EsmEngineProvider> providers() {
    return ServiceLoader.load(EsmEngineProvider.class, EsmEngines.class.getClassLoader()).stream()
        .map(ServiceLoader.Provider::get)
        .sorted(Comparator.comparingInt(EsmEngineProvider::rank).reversed())
        .toList();
  }

  /**
   * Opens an engine, on the first device. {@code auto} takes the best that works and logs which and
   * why, but passes over no engine whose device is here; an engine asked for by name that cannot
   * run is an error, never replaced by another.
   *
   * @param name {@code auto} or an engine's name
   * @param precision {@code auto} or a precision's label
   * @throws TurboEsmException with the reason and the remedy
   */
  public static EsmEngine open(String name, String precision, EsmWeights weights) {
    return open(select(name), precision, weights, 0);
  }

  /**
   * Opens an engine of this provider.
   *
   * @param precision {@code auto} or a precision's label
   * @param device the device's ordinal
   * @throws TurboEsmException if the engine cannot run the precision here
   */
  public static EsmEngine open(
      EsmEngineProvider provider, String precision, EsmWeights weights, int device) {
    return provider.open(weights, selectPrecision(provider, precision), device);
  }

  /** The provider that {@link #open} would use. */
  public static EsmEngineProvider select(String name) {
    List<EsmEngineProvider> providers = providers();
    if (!name.equals(AUTO)) {
      return byName(name, providers);
    }
    for (EsmEngineProvider provider : providers) {
      Optional<String> reason = provider.unavailable();
      if (reason.isEmpty()) {
        LOG.info("engine {}: {}", provider.name(), provider.description());
        return provider;
      }
      if (provider.deviceExists()) {
        throw new TurboEsmException(
            "engine "
                + provider.name()
                + " cannot run here although its device is there: "
                + reason.get()
                + ". To leave the device unused, ask for another engine by name: --engine cpu");
      }
      LOG.info("engine {} is passed over: {}", provider.name(), reason.get());
    }
    throw new TurboEsmException("no engine can run here; bin/turboesm doctor says why");
  }

  private static EsmEngineProvider byName(String name, List<EsmEngineProvider> providers) {
    EsmEngineProvider provider =
        providers.stream()
            .filter(candidate -> candidate.name().equals(name))
            .findFirst()
            .orElseThrow(
                () ->
                    new TurboEsmException(
                        "unknown engine \""
                            + name
                            + "\"; this build has auto, "
                            + String.join(
                                ", ", providers.stream().map(EsmEngineProvider::name).toList())));
    provider
        .unavailable()
        .ifPresent(
            reason -> {
              throw new TurboEsmException("engine " + name + " cannot run here: " + reason);
            });
    return provider;
  }

  private static Precision selectPrecision(EsmEngineProvider provider, String label) {
    Precision precision = Precision.parse(label).orElseGet(() -> provider.precisions().get(0));
    if (!provider.precisions().contains(precision)) {
      throw new TurboEsmException(
          "engine "
              + provider.name()
              + " cannot run precision "
              + precision.label()
              + " here; it can run "
              + String.join(", ", provider.precisions().stream().map(Precision::label).toList()));
    }
    return precision;
  }
}
