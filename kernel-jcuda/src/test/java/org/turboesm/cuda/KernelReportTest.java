package org.turboesm.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class KernelReportTest {
  private static final String LOG =
      """
      ptxas info    : 29 bytes gmem
      ptxas info    : Compiling entry function 'second' for 'sm_90'
      ptxas info    : Function properties for second
      ptxas         .     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
      ptxas info    : Used 72 registers, used 1 barriers, 256 bytes smem, 400 bytes cmem[0]
      ptxas info    : Compile time = 89.117 ms
      ptxas info    : Compiling entry function 'first' for 'sm_90'
      ptxas info    : Function properties for first
      ptxas         .     16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
      ptxas info    : Function properties for callee
      ptxas         .     24 bytes stack frame, 0 bytes spill stores, 4 bytes spill loads
      ptxas info    : Used 255 registers, used 0 barriers
      """;
  private static final KernelSignature FIRST = new KernelSignature("first", List.of("u64"));
  private static final KernelSignature SECOND = new KernelSignature("second", List.of("u32"));

  @Test
  void readsEveryKernelWithItsOwnFigures() {
    assertThat(KernelReport.parse(LOG, List.of(FIRST, SECOND)))
        .containsExactly(
            new KernelReport("second", List.of("u32"), 72, 0, 0, 256),
            new KernelReport("first", List.of("u64"), 255, 40, 24, 0));
  }

  @Test
  void aKernelWithoutReportIsAnError() {
    assertThatThrownBy(
            () ->
                KernelReport.parse(
                    LOG, List.of(FIRST, SECOND, new KernelSignature("third", List.of()))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("third");
  }

  @Test
  void aReportWithoutKernelIsAnError() {
    assertThatThrownBy(() -> KernelReport.parse(LOG, List.of(FIRST)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("second");
  }
}
