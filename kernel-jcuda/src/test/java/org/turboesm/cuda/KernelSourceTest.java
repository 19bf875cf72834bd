package org.turboesm.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class KernelSourceTest {
  @Test
  void headersThatHeadersIncludeAreThere() {
    KernelSource source = KernelSource.read("layer_norm.cu");

    assertThat(source.text()).contains("#include \"rows.cuh\"");
    assertThat(source.headers().get("rows.cuh")).contains("#include \"precision.cuh\"");
    assertThat(source.headers()).containsKeys("precision.cuh", "bfloat16.cuh");
  }

  @Test
  void fileWithoutHeadersHasNone() {
    assertThat(KernelSource.read("device_layer.cuh").headers()).isEmpty();
  }

  @Test
  void absentFileIsNamed() {
    assertThatThrownBy(() -> KernelSource.read("absent.cu"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("no kernel file /cuda/absent.cu in this build");
  }
}
