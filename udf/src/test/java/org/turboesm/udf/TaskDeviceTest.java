package org.turboesm.udf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.TurboEsmException;

class TaskDeviceTest {

  @Test
  void taskWithAGpuRunsOnIt() {
    assertThat(new TaskDevice(List.of("3")).ordinal(1)).isEqualTo(3);
  }

  @Test
  void taskWithoutOneRunsWhereItIsTold() {
    assertThat(TaskDevice.ofRunningTask().ordinal(1)).isEqualTo(1);
  }

  @Test
  void severalGpusAreRefused() {
    assertThatThrownBy(() -> new TaskDevice(List.of("0", "1")).ordinal(0))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("GPUs 0, 1")
        .hasMessageContaining("spark.task.resource.gpu.amount");
  }

  @ParameterizedTest
  @ValueSource(strings = {"GPU-5a3c", "-1", "", "0x1"})
  void addressesThatAreNoOrdinalsAreRefused(String address) {
    assertThatThrownBy(() -> new TaskDevice(List.of(address)).ordinal(0))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("\"" + address + "\"")
        .hasMessageContaining("gpu-discovery.sh");
  }
}
