package org.turboesm.udf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.turboesm.TurboEsmException;

class EngineHolderTest {
  private static final EngineSpec DEMO = new EngineSpec("demo", "reference", "f32");

  @Test
  void oneModelIsSharedAndStays() {
    ResidentModel first;
    try (Lease<ResidentModel> a = EngineHolder.lease(DEMO);
        Lease<ResidentModel> b = EngineHolder.lease(DEMO)) {
      first = a.value();
      assertThat(b.value()).isSameAs(first);
    }
    try (Lease<ResidentModel> again = EngineHolder.lease(DEMO, ModelIdentity.read("demo").hash())) {
      assertThat(again.value()).isSameAs(first);
    }
  }

  @Test
  void otherWeightsThanTheDriversAreRefused() {
    assertThatThrownBy(() -> EngineHolder.lease(DEMO, "abc"))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("model demo is not the same everywhere")
        .hasMessageContaining("abc")
        .hasMessageContaining(ModelIdentity.read("demo").hash());
  }

  @Test
  void whatCannotRunSaysWhy() {
    assertThatThrownBy(() -> EngineHolder.lease(new EngineSpec("demo", "abacus", "auto")))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("unknown engine \"abacus\"");
    assertThatThrownBy(() -> EngineHolder.lease(new EngineSpec("/no/where", "auto", "auto")))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("/no/where");
  }
}
