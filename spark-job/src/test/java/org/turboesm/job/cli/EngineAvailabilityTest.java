package org.turboesm.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngineProvider;
import org.turboesm.engine.Precision;
import org.turboesm.esm2.EsmWeights;

class EngineAvailabilityTest {

  private record Provider(String name, Optional<String> unavailable, List<Precision> precisions)
      implements EsmEngineProvider {
    @Override
    public int rank() {
      return 1;
    }

    @Override
    public String description() {
      return "a device";
    }

    @Override
    public EsmEngine open(EsmWeights weights, Precision precision, int device) {
      throw new IllegalStateException("nothing is opened to describe it");
    }
  }

  @Test
  void enginesSayWhatTheyCanOrWhyNot() {
    List<EsmEngineProvider> providers =
        List.of(
            new Provider("cuda", Optional.of("no driver; install one"), List.of()),
            new Provider("cpu", Optional.empty(), List.of(Precision.BF16, Precision.F32)));

    assertThat(EngineAvailability.of(providers))
        .startsWith(
            new EngineAvailability("cuda", "cannot run here: no driver; install one"),
            new EngineAvailability("cpu", "available: a device; precisions bf16, f32"));
  }

  @Test
  void enginesThatTheBuildLacksAreNamedOnce() {
    Provider cuda = new Provider("cuda", Optional.empty(), List.of(Precision.F32));

    assertThat(EngineAvailability.of(List.of(cuda)))
        .extracting(EngineAvailability::engine)
        .containsExactly("cuda", "pytorch");
    assertThat(EngineAvailability.of(List.of()))
        .containsExactly(
            new EngineAvailability("cuda", "not part of this build"),
            new EngineAvailability("pytorch", "not part of this build"));
  }
}
