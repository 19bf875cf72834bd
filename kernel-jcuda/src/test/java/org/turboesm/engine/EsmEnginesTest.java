package org.turboesm.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.TurboEsmException;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.RandomEsmModel;

class EsmEnginesTest {
  @TempDir Path folder;

  @Test
  void providersComeBestFirst() {
    List<Integer> ranks = EsmEngines.providers().stream().map(EsmEngineProvider::rank).toList();

    assertThat(ranks).isSortedAccordingTo((a, b) -> Integer.compare(b, a));
  }

  @Test
  void providersAreListedWhetherAvailableOrNot() {
    assertThat(EsmEngines.providers())
        .extracting(EsmEngineProvider::name)
        .contains("absent", "reference")
        .doesNotHaveDuplicates();
  }

  @Test
  void autoTakesTheBestThatWorks() {
    EsmEngineProvider best =
        EsmEngines.providers().stream()
            .filter(provider -> provider.unavailable().isEmpty())
            .findFirst()
            .orElseThrow();

    assertThat(EsmEngines.select("auto").name()).isEqualTo(best.name()).isNotEqualTo("absent");
  }

  @Test
  void engineIsSelectedByName() {
    assertThat(EsmEngines.select("reference").name()).isEqualTo("reference");
  }

  @Test
  void engineAskedForByNameThatCannotRunIsAnErrorWithReasonAndRemedy() {
    assertThatThrownBy(() -> EsmEngines.select("absent"))
        .isInstanceOf(TurboEsmException.class)
        .hasMessage("engine absent cannot run here: " + AbsentEngineProvider.REASON);
  }

  @Test
  void unknownEngineIsAnErrorThatListsTheKnown() {
    assertThatThrownBy(() -> EsmEngines.select("tpu"))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageStartingWith("unknown engine \"tpu\"; this build has auto, absent, ")
        .hasMessageContaining("reference");
  }

  @ParameterizedTest
  @ValueSource(strings = {"auto", "f32"})
  void opensTheEngineInItsPrecision(String precision) {
    try (EsmWeights weights = weights();
        EsmEngine engine = EsmEngines.open("reference", precision, weights)) {
      assertThat(engine.capabilities().engine()).isEqualTo("reference");
      assertThat(engine.capabilities().precision()).isEqualTo(Precision.F32);
      assertThat(engine.config()).isEqualTo(weights.config());
    }
  }

  @Test
  void precisionThatTheEngineLacksIsAnErrorThatListsWhatItHas() {
    try (EsmWeights weights = weights()) {
      assertThatThrownBy(() -> EsmEngines.open("reference", "bf16", weights))
          .isInstanceOf(TurboEsmException.class)
          .hasMessage("engine reference cannot run precision bf16 here; it can run f32");
    }
  }

  private EsmWeights weights() {
    return EsmWeights.open(RandomEsmModel.of(RandomEsmModel.config(1, 2, 8), 1).write(folder));
  }
}
