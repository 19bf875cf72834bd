package org.turboesm.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LaunchConfigTest {
  @Test
  void rowOfBlocksHasNoSharedMemory() {
    assertThat(LaunchConfig.of(3, 64)).isEqualTo(new LaunchConfig(3, 1, 1, 64, 0));
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1, 1, 0", "2147483647, 65535, 65535, 1024, 232448"})
  void whatADeviceCanRunPasses(int x, int y, int z, int threads, int shared) {
    assertThat(new LaunchConfig(x, y, z, threads, shared).threads()).isEqualTo(threads);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 1, 1, 32, 0",
    "-1, 1, 1, 32, 0",
    "1, 0, 1, 32, 0",
    "1, 1, 0, 32, 0",
    "1, 65536, 1, 32, 0",
    "1, 1, 65536, 32, 0",
    "1, 1, 1, 0, 0",
    "1, 1, 1, 1025, 0",
    "1, 1, 1, 32, -1"
  })
  void whatNoDeviceCanRunIsRefusedInNumbers(int x, int y, int z, int threads, int shared) {
    assertThatThrownBy(() -> new LaunchConfig(x, y, z, threads, shared))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "a grid of %d x %d x %d blocks of %d threads with %d bytes of shared memory",
            x, y, z, threads, shared);
  }
}
