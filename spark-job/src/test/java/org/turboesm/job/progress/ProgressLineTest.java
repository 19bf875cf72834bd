package org.turboesm.job.progress;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ProgressLineTest {
  private final ProgressLine line = new ProgressLine("encode+turbo", 500, 2, 400_000);

  @Test
  void foreseesTheEnd() {
    assertThat(line.of(240, 100_000, 10))
        .isEqualTo("encode+turbo: 120/500 proteins, 10,000 tokens/s, 0:30 left");
    assertThat(line.of(2, 100, 10))
        .isEqualTo("encode+turbo: 1/500 proteins, 10 tokens/s, 11:06:30 left");
  }

  @Test
  void neitherBeforeTheFirstTokenNorAfterTheLast() {
    assertThat(line.of(0, 0, 0)).isEqualTo("encode+turbo: 0/500 proteins, 0 tokens/s");
    // Tasks that ran twice count twice.
    assertThat(line.of(1010, 404_000, 10))
        .isEqualTo("encode+turbo: 500/500 proteins, 40,400 tokens/s");
  }
}
