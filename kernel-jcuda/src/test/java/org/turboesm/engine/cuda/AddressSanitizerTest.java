package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Kernels under AddressSanitizer, which sees reads beyond an allocation too. */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AddressSanitizerTest {
  private static final String FORMAT = "org.turboesm.engine.Precision,int";
  private static final List<PlantedBug> OVERRUN =
      List.of(
          PlantedBug.of(
              "bias_add reads one element behind its products",
              "gelu.cu",
              "if (index >= static_cast",
              "if (index > static_cast",
              "GeluKernelsTest",
              "biasIsAddedInFloat",
              "org.turboesm.engine.Precision",
              "[1]"));

  /** A head dimension and a width each, in float and in bfloat16. */
  private static final List<String> KERNELS =
      List.of(
          runs("PrefillAttentionKernelsTest#aSequenceSeesNothingOfItsNeighbours", FORMAT, "[2,7]"),
          runs("LayerNormKernelsTest#withoutDeltaTheResidualIsNormedAsItIs", FORMAT, "[0,1]"),
          runs("UnpackKernelsTest#everyTokenReadsBackAsItsCentroids", FORMAT, "[2,7]"),
          runs("AppendKernelsTest#withoutTailsEachTokenIsCodedAtOnce", FORMAT, "[2,7]"),
          runs("PackedDecodeKernelsTest#codesOfOneWidthEqualTheReference", "int", "[3]"),
          "class:org.turboesm.engine.cuda.EmbeddingKernelsTest",
          "class:org.turboesm.engine.cuda.PoolingKernelsTest");

  private final Map<String, String> environment = new HashMap<>();

  private static String runs(String method, String parameters, String runs) {
    return "iteration:method:org.turboesm.engine.cuda." + method + "(" + parameters + ")" + runs;
  }

  @BeforeAll
  void build(@TempDir Path scratch) throws Exception {
    Emulator.assume();
    Path libraries = Path.of(Emulator.LIBRARIES).resolveSibling("cuda-emulator-asan");
    EmulatorSources.run(scratch, "build.sh", "--asan", libraries.toString());
    Process compiler = new ProcessBuilder("g++", "-print-file-name=libasan.so").start();
    environment.put(
        "LD_PRELOAD",
        new String(compiler.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip());
    environment.put("LD_LIBRARY_PATH", libraries.toString());
    // The JVM handles its own signals; fibers and the JVM leave what looks like leaks.
    environment.put(
        "ASAN_OPTIONS",
        "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:detect_leaks=0"
            + ":detect_stack_use_after_return=0");
    // Kernels of the other build are refused; none is to be kept beside them.
    environment.put("TURBOESM_CUBIN_CACHE", "");
  }

  @Test
  void itSeesNothingInTheKernels() throws Exception {
    ContractTests.Outcomes outcomes = ContractTests.run(null, environment, KERNELS);

    assertThat(outcomes.status()).as(outcomes.text()).isZero();
    assertThat(outcomes.text())
        .doesNotContain("AddressSanitizer")
        .doesNotContain("contract test\tfailed")
        .contains("contract test\tpassed");
  }

  @Test
  void itSeesAReadBehindAnAllocation(@TempDir Path folder) throws Exception {
    PlantedBug.plant(OVERRUN, folder);
    ContractTests.Outcomes outcomes =
        ContractTests.run(folder, environment, List.of(OVERRUN.get(0).selector()));

    assertThat(outcomes.status()).as(outcomes.text()).isNotZero();
    assertThat(outcomes.text()).contains("ERROR: AddressSanitizer", "bias_add");
  }
}
