package org.turboesm.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code tests/device} as a machine with a GPU would run it, on the emulated one. */
@Tag("cuda")
class DeviceRunTest {
  private static final int MINUTES = 10;

  @TempDir static Path folder;

  private static Path root;

  @BeforeAll
  static void bundle() throws Exception {
    root = Path.of("..").toRealPath();
    run(
        Map.of(),
        List.of(
            root.resolve("tests/device/bundle.sh").toString(),
            "--jdk",
            System.getProperty("java.home")));
  }

  @Test
  void everyPartHasItsRowsAndNoneFails() throws Exception {
    Path out = folder.resolve("emulated");
    String printed = device(Map.of(), "--out", out.toString(), "--emulated");
    String table = Files.readString(out.resolve("table.md"));
    assertThat(printed).contains(table.strip());
    assertThat(table)
        .contains(
            "| kernel tests | EmbeddingKernelsTest |",
            "| demo model | encode, f32 |",
            "| demo model | turbo, bf16 |",
            "| demo model | decode, packed, int8 |",
            "| device | copy within the device |",
            "| device | bf16 product of cuBLAS |",
            "| turboesm, K5 V1 allotted |",
            "| turboesm, K1 V1 |",
            "| turboesm, bfloat16 |",
            "| prefill | rotary embedding, packing and attention |",
            "| encode | pass on the device, bf16 |",
            "| encode | engine, two threads, with copies, int8 |",
            "| decode step | 2 sequences after 32 tokens, packed, K3 V3, graph |",
            "| peers |",
            "| sanitizer |",
            ", 0 failed")
        .doesNotContain("FAILED");
    assertThat(out.resolve("results.json")).isNotEmptyFile();
  }

  /** The emulator's libraries under CUDA 13's names, so that the bridge alone leads to them. */
  @Test
  void theBridgeLeadsToLibrariesOfCuda13() throws Exception {
    Path emulator = root.resolve("target/cuda-emulator");
    run(Map.of(), List.of(root.resolve("tests/emulator/build.sh").toString(), emulator.toString()));
    Path libraries = Files.createDirectory(folder.resolve("cuda-13"));
    Files.copy(emulator.resolve("libcuda.so.1"), libraries.resolve("libcuda.so.1"));
    Files.copy(emulator.resolve("libcublas.so.12"), libraries.resolve("libcublas.so.13"));
    Files.copy(emulator.resolve("libnvrtc.so.12"), libraries.resolve("libnvrtc.so.13"));
    Files.createSymbolicLink(libraries.resolve("include"), emulator.resolve("include"));
    Path out = folder.resolve("bridged");
    String printed =
        device(
            Map.of(
                "TURBOESM_CUDA_LIBRARIES", libraries.toString(),
                "TURBOESM_CUDA13_LIBRARIES", libraries.toString(),
                "LD_LIBRARY_PATH", ""),
            "--out",
            out.toString(),
            "--small",
            "--parts",
            "tests,rates,encode");
    assertThat(printed)
        .contains(
            "which forwards to " + libraries, "7 passed, 0 failed", "pass on the device, int8")
        .doesNotContain("FAILED");
  }

  @Test
  void aPartThatFailsIsNamedInTheTable() throws Exception {
    Path out = folder.resolve("without-driver");
    Path libraries = Files.createDirectory(folder.resolve("nothing"));
    List<String> command =
        List.of(
            root.resolve("tests/device/run.sh").toString(),
            "--out",
            out.toString(),
            "--small",
            "--parts",
            "rates,peers");
    Process process =
        start(
            Map.of(
                "TURBOESM_CUDA13_LIBRARIES", libraries.toString(),
                // Of a real driver, no device is seen.
                "CUDA_VISIBLE_DEVICES", "",
                "LD_LIBRARY_PATH", ""),
            command);
    String printed = output(process);
    assertThat(process.exitValue()).as(printed).isEqualTo(1);
    assertThat(printed).contains("| rates | whole |", "FAILED ended with status 1", "| peers |");
  }

  private static String device(Map<String, String> environment, String... arguments)
      throws Exception {
    List<String> command = new ArrayList<>(List.of(root.resolve("tests/device/run.sh").toString()));
    command.addAll(List.of(arguments));
    return run(environment, command);
  }

  private static String run(Map<String, String> environment, List<String> command)
      throws Exception {
    Process process = start(environment, command);
    String output = output(process);
    assertThat(process.exitValue()).as(output).isZero();
    return output;
  }

  private static Process start(Map<String, String> environment, List<String> command)
      throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().putAll(environment);
    return builder.start();
  }

  private static String output(Process process) throws Exception {
    String output = new String(process.getInputStream().readAllBytes());
    assertThat(process.waitFor(MINUTES, TimeUnit.MINUTES)).as(output).isTrue();
    return output;
  }
}
