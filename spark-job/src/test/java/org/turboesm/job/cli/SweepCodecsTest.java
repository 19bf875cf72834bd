package org.turboesm.job.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.turboesm.TurboEsmException;
import org.turboesm.calibration.CodecSpec;

class SweepCodecsTest {

  private static List<String> labels(String codecs, String bits, String... allotments) {
    return SweepCodecs.of(List.of(codecs), List.of(bits), List.of(allotments)).stream()
        .map(CodecSpec::label)
        .toList();
  }

  @Test
  void eachCodecIsMeasuredAtTheBitsThatItCanHave() {
    assertThat(labels("default,paper,int8", "1.5,3:2"))
        .containsExactly("default K1.5 V1.5", "default K3 V2", "paper K3 V2", "int8 K8 V8");
  }

  @Test
  void allIsEveryCodec() {
    Map<String, Long> counts =
        SweepCodecs.of(List.of("all"), List.of("1.5", "2"), List.of()).stream()
            .collect(Collectors.groupingBy(CodecSpec::codec, Collectors.counting()));
    assertThat(counts).containsOnlyKeys(CodecSpec.codecs());
    assertThat(counts)
        .containsEntry("default", 2L)
        .containsEntry("svd", 2L)
        .containsEntry("paper", 1L)
        .containsEntry("int4", 1L)
        .containsEntry("fp8-e4m3", 1L);
  }

  @Test
  void ablationIsTheDefaultAndItsAblations() {
    List<String> expected = new ArrayList<>(List.of("default K2 V2"));
    CodecSpec.ablations().forEach(name -> expected.add(name + " K2 V2"));
    assertThat(labels("ablation", "2")).containsExactlyElementsOf(expected);
    assertThat(labels("default,ablation,default", "2")).containsExactlyElementsOf(expected);
  }

  @Test
  void ofAllAndAblationThoseThatCanHaveNoneAreLeftOut() {
    assertThat(labels("all", "2.5"))
        .containsExactly(
            "default K2.5 V2.5", "int8 K8 V8", "int4 K4 V4", "fp8-e4m3 K8 V8", "svd K2.5 V2.5");
    assertThat(labels("ablation", "2.5"))
        .contains("default-with-sign K2.5 V2.5")
        .doesNotContain("default-without-allotment K2.5 V2.5");
    assertThat(labels("all", "2", "layer", "model"))
        .containsExactly(
            "default K2 V2, bits allotted by layer", "default K2 V2, bits allotted by model");
  }

  @Test
  void aCodecNamedByItselfMustBePossible() {
    assertRefused("default,paper", "1.5", "bits 1.5,1.5 are not whole, and codec paper");
    assertThatThrownBy(() -> labels("all,paper", "2", "layer"))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("only allotment separate is possible");
  }

  @Test
  void wrongWordsAreRefusedBesideGoodOnes() {
    assertRefused("default,zip", "2", "unknown codec \"zip\"");
    assertRefused("default", "3,x", "--bits: \"x\" is neither one number like 3 nor two like 3:2");
    assertRefused("default", "3,1:2:3", "\"1:2:3\" is neither");
    assertRefused("default", "3,9", "out of range");
    assertRefused("default", "3,0.5", "out of range");
    assertRefused("default", "3,2.3", "not a multiple of 1/8");
    assertRefused("int8", ",", "--bits is an empty list");
    assertRefused(" , ", "3", "--codecs is an empty list");
    assertThatThrownBy(() -> labels("default", "2", "head", "tail"))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("unknown allotment \"tail\"");
  }

  private static void assertRefused(String codecs, String bits, String message) {
    assertThatThrownBy(() -> labels(codecs, bits))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining(message);
  }
}
