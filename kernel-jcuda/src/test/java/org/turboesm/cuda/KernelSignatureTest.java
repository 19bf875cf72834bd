package org.turboesm.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class KernelSignatureTest {
  @Test
  void readsTypesInTheirOrder() {
    String ptx =
        """
        .visible .entry scale(
        	.param .u64 scale_param_0,
        	.param .f32 scale_param_1,
        	.param .u32 scale_param_2
        )
        .maxntid 256, 1, 1
        { ret; }
        .visible .entry nothing()
        { ret; }
        """;
    assertThat(KernelSignature.parse(ptx))
        .containsExactly(
            new KernelSignature("scale", List.of("u64", "f32", "u32")),
            new KernelSignature("nothing", List.of()));
  }

  /** As NVRTC 12.9 writes them for sm_100. */
  @Test
  void readsPointersThatSayWhereTheyPoint() {
    String ptx =
        """
        .visible .entry scale(
        	.param .u64 .ptr .align 1 scale_param_0,
        	.param .u64 .ptr .global .align 16 scale_param_1,
        	.param .u64 .ptr scale_param_2,
        	.param .u32 scale_param_3
        )
        """;
    assertThat(KernelSignature.parse(ptx))
        .containsExactly(new KernelSignature("scale", List.of("u64", "u64", "u64", "u32")));
  }

  @Test
  void aParameterThatIsAStructIsAnError() {
    assertThatThrownBy(
            () ->
                KernelSignature.parse(".visible .entry k(\n\t.param .align 8 .b8 k_param_0[16]\n)"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("kernel k ")
        .hasMessageContaining("k_param_0[16]");
  }

  @Test
  void argumentsAreChecked() {
    KernelSignature signature = new KernelSignature("k", List.of("u64", "f32", "u32"));
    assertThatCode(() -> signature.check(null, 1f, 2)).doesNotThrowAnyException();
    assertThatThrownBy(() -> signature.check(null, 1f))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("3 parameters and is given 2 arguments");
    assertThatThrownBy(() -> signature.check(null, 1, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("argument 1 of kernel k is a Integer");
  }
}
