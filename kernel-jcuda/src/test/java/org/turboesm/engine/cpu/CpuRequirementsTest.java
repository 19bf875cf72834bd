package org.turboesm.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import org.junit.jupiter.api.Test;

class CpuRequirementsTest {

  @Test
  void otherPlatformIsNamed() {
    assertThat(unmet("Mac OS X", "aarch64", true, Optional.empty()))
        .hasValueSatisfying(
            reason -> assertThat(reason).contains("linux-x86_64", "mac os x-aarch64"));
  }

  @Test
  void otherArchitectureOfLinuxIsRefused() {
    assertThat(unmet("Linux", "aarch64", true, Optional.empty()))
        .hasValueSatisfying(reason -> assertThat(reason).contains("linux-aarch64"));
  }

  @Test
  void missingVectorModuleHasItsFlagAsRemedy() {
    assertThat(unmet("Linux", "amd64", false, Optional.empty()))
        .hasValueSatisfying(
            reason -> assertThat(reason).contains("--add-modules jdk.incubator.vector"));
  }

  @Test
  void refusedNativeLibraryIsPassedOn() {
    assertThat(unmet("Linux", "amd64", true, Optional.of("no jnidnnl"))).hasValue("no jnidnnl");
  }

  @Test
  void nativeLibraryIsNotLoadedWhereAnotherRequirementIsUnmet() {
    CpuRequirements requirements =
        new CpuRequirements(
            "Linux",
            "amd64",
            false,
            () -> {
              throw new AssertionError("loaded");
            });
    assertThat(requirements.unmet()).isPresent();
  }

  @Test
  void allMetIsNoReason() {
    assertThat(unmet("Linux", "amd64", true, Optional.empty())).isEmpty();
  }

  private static Optional<String> unmet(
      String system, String architecture, boolean vectorModule, Optional<String> refusal) {
    return new CpuRequirements(system, architecture, vectorModule, () -> refusal).unmet();
  }
}
