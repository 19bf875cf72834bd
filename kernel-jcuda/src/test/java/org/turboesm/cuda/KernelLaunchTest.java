package org.turboesm.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Kernels from their source to their results, and the launches that are refused. */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class KernelLaunchTest {
  private static final int DEFAULT_SHARED_BYTES = 48 << 10;

  private final OpenDevice device = new OpenDevice();

  @AfterAll
  void close() {
    device.close();
  }

  @Test
  void argumentsArriveInTheirOrderAndTypes() {
    try (DeviceBuffer values = device.upload(1f, -2f, 3f, 4f)) {
      device.scaleAndShift(values, 3, 0.5f, 1L << 20);
      assertThat(values.floats(4)).containsExactly(1048576.5f, 1048575f, 1048577.5f, 4f);
    }
  }

  @Test
  void partOfABufferIsAnArgument() {
    try (DeviceBuffer values = device.upload(1f, 1f, 1f)) {
      device.scaleAndShift(values.range(4, 8), 1, 5f, 0);
      assertThat(values.floats(3)).containsExactly(1f, 5f, 1f);
    }
  }

  @Test
  void nullIsTheNullPointerAndGlobalsAreRead() {
    try (DeviceBuffer values = device.upload(IntStream.rangeClosed(1, 100).toArray());
        DeviceBuffer copy = device.upload(0)) {
      device
          .kernel("sum_through_shared")
          .launch(
              device.stream(),
              new LaunchConfig(1, 1, 1, 64, 64 * Integer.BYTES),
              values,
              100,
              null);
      device.stream().synchronize();
      DevicePointer global = device.module().global("last_sum");
      assertThat(global.bytes()).isEqualTo(4);
      device.context().copy(global, copy);
      assertThat(copy.ints(1)).containsExactly(5050);
    }
  }

  @Test
  void initializedGlobalHasItsValues() {
    try (DeviceBuffer copy = device.upload(0f, 0f, 0f, 0f)) {
      device.context().copy(device.module().global("table"), copy);
      assertThat(copy.floats(4)).containsExactly(1f, 2f, 4f, 8f);
    }
  }

  @Test
  void gridHasThreeDimensionsAndDefinesReachTheKernel() {
    try (DeviceBuffer places = device.upload(new int[12])) {
      device
          .kernel("block_places")
          .launch(device.stream(), new LaunchConfig(2, 3, 2, 32, 0), places);
      assertThat(places.ints(12))
          .containsExactly(
              IntStream.range(0, 12)
                  .map(i -> 10000 * (i / 6) + 100 * (i / 2 % 3) + i % 2 + OpenDevice.FIRST)
                  .toArray());
    }
  }

  @Test
  void launchesOfOneStreamRunInTheirOrder() {
    try (DeviceBuffer values = device.upload(1f)) {
      for (int i = 0; i < 10; i++) {
        device.scaleAndShift(values, 1, 2f, 1);
      }
      assertThat(values.floats(1)).containsExactly(2047f);
    }
  }

  @Test
  void wrongArgumentsAreRefusedBeforeTheLaunch() {
    Kernel kernel = device.kernel("scale_and_shift");
    LaunchConfig config = LaunchConfig.of(1, 32);
    try (DeviceBuffer values = device.upload(1f)) {
      assertThatThrownBy(() -> kernel.launch(device.stream(), config, values, 1, 2f))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("kernel scale_and_shift has 4 parameters and is given 3 arguments");
      assertThatThrownBy(() -> kernel.launch(device.stream(), config, values, 1L, 2f, 3L))
          .hasMessage("argument 1 of kernel scale_and_shift is a Long; its parameter is .u32");
      assertThatThrownBy(() -> kernel.launch(device.stream(), config, new float[] {1f}, 1, 2f, 3L))
          .hasMessageStartingWith("argument 0 of kernel scale_and_shift is a float[]");
      assertThat(values.floats(1)).containsExactly(1f);
    }
  }

  @Test
  void sharedMemoryBeyondTheDefaultMustBeGranted() {
    Kernel kernel = device.kernel("sum_through_shared");
    LaunchConfig config = new LaunchConfig(1, 1, 1, 32, DEFAULT_SHARED_BYTES + 4);
    try (DeviceBuffer values = device.upload(4, 5);
        DeviceBuffer sum = device.upload(0)) {
      assertThatThrownBy(() -> kernel.launch(device.stream(), config, values, 2, sum))
          .isInstanceOf(CudaException.class)
          .hasMessageContaining("launching kernel sum_through_shared with LaunchConfig[gridX=1, ")
          .hasMessageContaining("sharedBytes=" + (DEFAULT_SHARED_BYTES + 4))
          .hasMessageContaining("failed with CUDA_ERROR_INVALID_VALUE");
      assertThat(device.context().healthy()).isTrue();
      kernel.grantSharedBytes(config.sharedBytes()).launch(device.stream(), config, values, 2, sum);
      assertThat(sum.ints(1)).containsExactly(9);
    }
  }

  @Test
  void moreSharedMemoryThanTheDeviceHasIsNotGranted() {
    int available = device.context().device().sharedBytesPerBlock();

    assertThatThrownBy(() -> device.kernel("sum_through_shared").grantSharedBytes(available + 1))
        .isInstanceOf(CudaException.class)
        .hasMessageStartingWith(
            "granting kernel sum_through_shared %d bytes of shared memory (the device has %d a"
                + " block) failed with CUDA_ERROR_INVALID_VALUE",
            available + 1, available);
  }

  @Test
  void absentKernelIsAnErrorThatListsTheFiles() {
    assertThatThrownBy(() -> device.kernel("absent"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("device_layer.cu has no kernel absent but [")
        .hasMessageContaining("scale_and_shift");
  }

  @Test
  void absentGlobalIsAnErrorWithItsName() {
    assertThatThrownBy(() -> device.module().global("absent"))
        .isInstanceOf(CudaException.class)
        .hasMessageStartingWith("cuModuleGetGlobal of absent in device_layer.cu failed with")
        .hasMessageContaining("CUDA_ERROR_NOT_FOUND");
  }

  @Test
  void sourceThatDoesNotCompileIsAnErrorWithTheCompilersLog() {
    KernelSource broken =
        new KernelSource(
            "broken.cu", "extern \"C\" __global__ void k() { undeclared = 1; }", Map.of());
    List<String> options = KernelCompiler.options(80, Map.of("N", 3));

    assertThatThrownBy(() -> KernelCompiler.get().compile(broken, options))
        .isInstanceOf(CudaException.class)
        .hasMessageStartingWith(
            "broken.cu does not compile with --gpu-architecture=sm_80 --std=c++17 --ftz=true -DN=3: ")
        .hasMessageContaining("undeclared");
  }

  @Test
  void secondLibraryTakesItsKernelsFromTheCache(@TempDir Path folder) {
    CubinCache cache = new CubinCache(Optional.of(folder));
    for (int i = 0; i < 2; i++) {
      try (KernelLibrary library = new KernelLibrary(device.context(), cache);
          DeviceBuffer values = device.upload(1f)) {
        library
            .compile(new KernelVariant("device_layer.cu", Map.of("FIRST", 0)))
            .kernel("scale_and_shift")
            .launch(device.stream(), LaunchConfig.of(1, 32), values, 1, 3f, 0L);
        assertThat(values.floats(1)).as("library %d", i).containsExactly(3f);
      }
      assertThat(folder.toFile().list()).hasSize(1);
    }
  }

  @Test
  void compilerKnowsCodeForTheDeviceOrSaysThatItIsTooOld() {
    KernelCompiler compiler = KernelCompiler.get();

    assertThat(compiler.architectureFor(architecture(86)) / 10).isEqualTo(8);
    assertThatThrownBy(() -> compiler.architectureFor(architecture(990)))
        .isInstanceOf(CudaException.class)
        .hasMessageContaining("is older than GPU 0 tomorrow's (sm_990, ")
        .hasMessageContaining("it knows [sm_")
        .hasMessageEndingWith("Install a newer NVRTC");
  }

  private static CudaDevice architecture(int number) {
    return new CudaDevice(0, "tomorrow's", number, 1, 1L << 30, 1 << 16);
  }
}
