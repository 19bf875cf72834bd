package org.turboesm.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What conf/gpu-discovery.sh tells Spark. */
class GpuDiscoveryTest {
  private static final Path SCRIPT =
      Path.of("..", "conf", "gpu-discovery.sh").toAbsolutePath().normalize();

  @TempDir Path folder;
  private final Map<String, String> environment = new HashMap<>();
  private Path devices;

  @BeforeEach
  void emptyMachine() throws IOException {
    devices = Files.createDirectories(folder.resolve("dev"));
    environment.put(
        "PATH", Launch.programs(folder.resolve("bin"), List.of("bash", "grep")).toString());
  }

  private Launch discover() throws IOException, InterruptedException {
    return Launch.run(SCRIPT, environment, folder, devices.toString());
  }

  private void nvidiaSmi(String lines) throws IOException {
    Launch.writeProgram(folder.resolve("bin/nvidia-smi"), lines);
  }

  private static String json(String addresses) {
    return "{\"name\": \"gpu\", \"addresses\": [" + addresses + "]}\n";
  }

  @Test
  void sparkCanRunIt() {
    assertThat(SCRIPT).isExecutable();
  }

  @Test
  void gpusAreThoseOfNvidiaSmi() throws Exception {
    nvidiaSmi("echo 0; echo 1\n");
    Files.createFile(devices.resolve("nvidia0"));
    assertThat(discover()).isEqualTo(new Launch(0, json("\"0\", \"1\""), ""));
  }

  @Test
  void withoutNvidiaSmiDeviceFilesAreCounted() throws Exception {
    for (String name : List.of("nvidia3", "nvidia11", "nvidiactl", "nvidia-uvm", "null")) {
      Files.createFile(devices.resolve(name));
    }
    assertThat(discover()).isEqualTo(new Launch(0, json("\"0\", \"1\""), ""));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          3                | "0"
          2,GPU-5a         | "0", "1"
          MIG-1,0,-1,2     | "0", "1"
          """)
  void onlyVisibleDevicesAreCounted(String visible, String addresses) throws Exception {
    nvidiaSmi("printf '%s\\n' 0 1 2 3\n");
    environment.put("CUDA_VISIBLE_DEVICES", visible);
    assertThat(discover()).isEqualTo(new Launch(0, json(addresses), ""));
  }

  @Test
  void noVisibleDeviceIsAnError() throws Exception {
    nvidiaSmi("echo 0\n");
    environment.put("CUDA_VISIBLE_DEVICES", "");
    Launch launch = discover();
    assertThat(launch.code()).isEqualTo(1);
    assertThat(launch.out()).isEmpty();
    assertThat(launch.err()).contains("no GPU", "CUDA_VISIBLE_DEVICES is \"\"");
  }

  @Test
  void brokenDriverIsAnErrorAndNotGuessedAround() throws Exception {
    nvidiaSmi("echo 'Driver/library version mismatch'; exit 18\n");
    Files.createFile(devices.resolve("nvidia0"));
    Launch launch = discover();
    assertThat(launch.code()).isEqualTo(1);
    assertThat(launch.out()).isEmpty();
    assertThat(launch.err()).contains("nvidia-smi fails", "Driver/library version mismatch");
  }

  @Test
  void machineWithoutAGpuIsAnErrorThatSaysWhatToDo() throws Exception {
    Launch launch = discover();
    assertThat(launch.code()).isEqualTo(1);
    assertThat(launch.err()).contains("neither nvidia-smi nor a device", "spark.worker.resource");
  }
}
