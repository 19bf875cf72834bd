package org.turboesm.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.turboesm.TurboEsmException;

class PrecisionTest {

  @ParameterizedTest
  @EnumSource(Precision.class)
  void everyLabelParsesBack(Precision precision) {
    assertThat(Precision.parse(precision.label())).contains(precision);
  }

  @Test
  void autoIsNoPrecision() {
    assertThat(Precision.parse("auto")).isEmpty();
  }

  @Test
  void otherWordsAreRefused() {
    assertThatThrownBy(() -> Precision.parse("fp8"))
        .isInstanceOf(TurboEsmException.class)
        .hasMessage("unknown precision \"fp8\"; known are auto, f32, bf16, int8, tf32");
  }

  @Test
  void labelsDoNotDependOnTheLocale() {
    Locale before = Locale.getDefault();
    try {
      Locale.setDefault(Locale.forLanguageTag("tr"));
      assertThat(Precision.INT8.label()).isEqualTo("int8");
    } finally {
      Locale.setDefault(before);
    }
  }
}
