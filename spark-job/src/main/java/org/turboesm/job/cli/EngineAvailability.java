package org.turboesm.job.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.turboesm.engine.EsmEngineProvider;
import org.turboesm.engine.Precision;

/**
 * What is to be said of an engine on this machine.
 *
 * @param engine its name
 * @param description whether it can run, in what precisions, or why not
 */
record EngineAvailability(String engine, String description) {
  /** Engines that a build may lack. */
  private static final List<String> OPTIONAL = List.of("cuda", "pytorch");

  /** Of all engines of this build, and then of those that it lacks. */
  static List<EngineAvailability> of(List<EsmEngineProvider> providers) {
    List<EngineAvailability> engines =
        new ArrayList<>(providers.stream().map(EngineAvailability::of).toList());
    Stream<String> lacking =
        OPTIONAL.stream()
            .filter(name -> providers.stream().noneMatch(provider -> provider.name().equals(name)));
    lacking.forEach(name -> engines.add(new EngineAvailability(name, "not part of this build")));
    return engines;
  }

  private static EngineAvailability of(EsmEngineProvider provider) {
    String description =
        provider
            .unavailable()
            .map(reason -> "cannot run here: " + reason)
            .orElseGet(
                () ->
                    "available: "
                        + provider.description()
                        + "; precisions "
                        + provider.precisions().stream()
                            .map(Precision::label)
                            .collect(Collectors.joining(", ")));
    return new EngineAvailability(provider.name(), description);
  }
}
