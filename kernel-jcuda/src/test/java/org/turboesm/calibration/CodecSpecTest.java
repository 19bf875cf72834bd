package org.turboesm.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.TurboEsmException;

class CodecSpecTest {
  @Test
  void oneNumberIsForKeysAndValues() {
    assertThat(CodecSpec.parse("default", "3")).isEqualTo(new CodecSpec("default", 3, 3));
  }

  @Test
  void twoNumbersAreKeysAndValues() {
    assertThat(CodecSpec.parse("paper", "4, 2")).isEqualTo(new CodecSpec("paper", 4, 2));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "x", "3,", "3,2,1", "0", "9", "-1", "2.5"})
  void otherBitsAreRefused(String bits) {
    assertThatThrownBy(() -> CodecSpec.parse("default", bits))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("bits");
  }

  @Test
  void anUnknownCodecIsRefusedWithTheKnownOnes() {
    assertThatThrownBy(() -> CodecSpec.parse("zip", "3"))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("\"zip\"")
        .hasMessageContaining("default, paper, paper-sign");
  }

  @Test
  void theSignNeedsABitOfItsOwn() {
    assertThatThrownBy(() -> CodecSpec.parse("paper-sign", "8"))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("sign bit");
  }
}
