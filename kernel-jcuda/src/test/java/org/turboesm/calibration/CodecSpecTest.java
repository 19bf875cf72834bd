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
    assertThat(CodecSpec.parse("default", "3", null))
        .isEqualTo(new CodecSpec("default", 3, 3, Allotment.HEAD));
  }

  @Test
  void twoNumbersAreKeysAndValues() {
    assertThat(CodecSpec.parse("paper", "4, 2", null))
        .isEqualTo(new CodecSpec("paper", 4, 2, Allotment.SEPARATE));
  }

  @Test
  void fractionsOfEighthsAreAllotted() {
    assertThat(CodecSpec.parse("svd", "2.5,1.125", null))
        .isEqualTo(new CodecSpec("svd", 2.5, 1.125, Allotment.SEPARATE));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "x", "3,", "3,2,1", "0", "9", "-1", "2.3", "NaN", "0.5"})
  void otherBitsAreRefused(String bits) {
    assertThatThrownBy(() -> CodecSpec.parse("default", bits, null))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("bits");
  }

  @Test
  void fractionsNeedChannelsOfDifferentWidths() {
    assertThatThrownBy(() -> CodecSpec.parse("hadamard", "2.5", null))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("not whole")
        .hasMessageContaining("hadamard");
  }

  @ParameterizedTest
  @ValueSource(strings = {"paper", "svd", "int4", "default-without-importance"})
  void bitsMoveOnlyBetweenWhatCanBeCompared(String codec) {
    assertThatThrownBy(() -> CodecSpec.parse(codec, "4", "model"))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining(codec)
        .hasMessageContaining("separate");
  }

  @Test
  void anUnknownAllotmentIsRefusedWithTheKnownOnes() {
    assertThatThrownBy(() -> CodecSpec.parse("default", "3", "protein"))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("\"protein\"")
        .hasMessageContaining("separate, head, layer, model");
  }

  @Test
  void fixedBitsNeedNotBeGivenAndCannotBeChanged() {
    assertThat(CodecSpec.parse("int8", null, null)).isEqualTo(CodecSpec.of("int8", 8, 8));
    assertThat(CodecSpec.parse("svd", null, null)).isEqualTo(CodecSpec.of("svd", 3, 3));
    assertThatThrownBy(() -> CodecSpec.parse("int8", "3", null))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("8 bits");
    assertThatThrownBy(() -> CodecSpec.of("int4", 3, 3))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("4 bits");
  }

  @Test
  void anUnknownCodecIsRefusedWithTheKnownOnes() {
    assertThatThrownBy(() -> CodecSpec.parse("zip", "3", null))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("\"zip\"")
        .hasMessageContaining("default, paper, paper-sign")
        .hasMessageContaining("default-without-query");
  }

  @Test
  void theSignNeedsABitOfItsOwn() {
    assertThatThrownBy(() -> CodecSpec.parse("paper-sign", "8", null))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("sign bit");
  }

  @Test
  void labelsSayWhatIsNotTheCodecsOwn() {
    assertThat(CodecSpec.parse("default", "3", null).label()).isEqualTo("default K3 V3");
    assertThat(CodecSpec.parse("default", "2.5", "model").label())
        .isEqualTo("default K2.5 V2.5, bits allotted by model");
  }

  @Test
  void everyCodecHasItsName() {
    assertThat(CodecSpec.codecs()).doesNotHaveDuplicates().contains("default", "svd", "fp8-e4m3");
    assertThat(CodecSpec.ablations()).doesNotHaveDuplicates().hasSize(8);
    for (String name : CodecSpec.codecs()) {
      assertThat(CodecSpec.parse(name, null, null).about()).isNotBlank();
    }
  }

  @Test
  void differentBitsKeepKeysAndValuesApart() {
    assertThat(CodecSpec.parse("default", "3,2", null).allotment()).isEqualTo(Allotment.SEPARATE);
    assertThatThrownBy(() -> CodecSpec.parse("default", "3,2", "head"))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("apart")
        .hasMessageContaining("separate");
  }

  @Test
  void aHeadMustTakeWholeBitsAndHaveItsRotation() {
    CodecSpec.parse("svd", "2.125", null).requireHeadDim(16);
    assertThatThrownBy(() -> CodecSpec.parse("svd", "2.125", null).requireHeadDim(20))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("20 channels");
    CodecSpec.of("hadamard", 3, 3).requireHeadDim(24);
    assertThatThrownBy(() -> CodecSpec.of("hadamard", 3, 3).requireHeadDim(10))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("Hadamard")
        .hasMessageContaining("10");
  }
}
