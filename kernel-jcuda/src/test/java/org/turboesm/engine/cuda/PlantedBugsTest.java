package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The contract tests, on the emulator, notice bugs in the kernels of this build. All bugs of a list
 * are planted at once, each in a file of its own with a test of its own.
 */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PlantedBugsTest {
  private static final String FORMAT = "org.turboesm.engine.Precision,int";

  /** Which threads read too early depends on the order in which they run. */
  private static final List<String> ORDERS = List.of("forward", "reversed", "seeded:7");

  private static final List<PlantedBug> RACES =
      List.of(
          PlantedBug.of(
              "prefill attention in float reads keys that other threads still copy",
              "prefill_attention.cu",
              "__syncthreads();  // the keys are here",
              "// the keys are here",
              "PrefillAttentionKernelsTest",
              "aRaggedBatchEqualsTheReference",
              FORMAT,
              "[2]"),
          PlantedBug.of(
              "a row's sum is taken before all of its warps have theirs",
              "rows.cuh",
              "  __syncthreads();\n  float sum = 0;",
              "  float sum = 0;",
              "LayerNormKernelsTest",
              "withoutDeltaTheResidualIsNormedAsItIs",
              FORMAT,
              "[1]"),
          PlantedBug.of(
              "packed decode looks values up before other threads have copied their tables",
              "packed_decode.cu",
              "copy_async_wait<0>();\n    __syncthreads();\n    float set_sums",
              "copy_async_wait<0>();\n    float set_sums",
              "PackedDecodeKernelsTest",
              "codesOfOneWidthEqualTheReference",
              "int",
              "[4]"),
          PlantedBug.of(
              "unpacking reads planes that other lanes still load",
              "unpack.cu",
              "  __syncwarp();\n  const unsigned* channel_words",
              "  const unsigned* channel_words",
              "UnpackKernelsTest",
              "everyTokenReadsBackAsItsCentroids",
              FORMAT,
              "[2]"));

  private static final List<PlantedBug> OVERRUNS =
      List.of(
          PlantedBug.of(
              "prefill attention writes a token behind a sequence",
              "prefill_attention.cu",
              "if (query < rows.length) {",
              "if (query <= rows.length) {",
              "PrefillAttentionKernelsTest",
              "aSequenceSeesNothingOfItsNeighbours",
              FORMAT,
              "[2]"),
          PlantedBug.of(
              "a barrier that one warp alone reaches",
              "unpack.cu",
              "  __syncthreads();\n  long long target",
              "  if (threadIdx.x < WARP) {\n    __syncthreads();\n  }\n  long long target",
              "UnpackKernelsTest",
              "everyTokenReadsBackAsItsCentroids",
              FORMAT,
              "[2]"),
          PlantedBug.of(
              "bias_add writes one element behind its rows",
              "gelu.cu",
              "if (index >= static_cast",
              "if (index > static_cast",
              "GeluKernelsTest",
              "biasIsAddedInFloat",
              "org.turboesm.engine.Precision",
              "[1]"));

  /** What is said of a bug that ends a launch. */
  private static final Map<String, String> SAID =
      Map.of(
          "prefill_attention.cu", "behind the allocation",
          "unpack.cu", "32 wait at the barrier");

  private final Map<String, ContractTests.Outcomes> races = new LinkedHashMap<>();
  private ContractTests.Outcomes overruns;

  @BeforeAll
  void runWithBugs(@TempDir Path folder) throws IOException, InterruptedException {
    Emulator.assume();
    PlantedBug.plant(RACES, folder.resolve("races"));
    PlantedBug.plant(OVERRUNS, folder.resolve("overruns"));
    for (String order : ORDERS) {
      races.put(order, run(folder.resolve("races"), order, RACES));
    }
    overruns = run(folder.resolve("overruns"), ORDERS.get(0), OVERRUNS);
  }

  private static ContractTests.Outcomes run(Path kernels, String order, List<PlantedBug> bugs)
      throws IOException, InterruptedException {
    return ContractTests.run(
        kernels,
        Map.of("TURBOESM_EMULATOR_ORDER", order),
        bugs.stream().map(PlantedBug::selector).toList());
  }

  static List<PlantedBug> races() {
    return RACES;
  }

  static List<PlantedBug> overruns() {
    return OVERRUNS;
  }

  static List<String> orders() {
    return ORDERS;
  }

  @ParameterizedTest
  @MethodSource("races")
  void missingBarrierFailsInSomeOrder(PlantedBug bug) {
    races.forEach(
        (order, outcomes) ->
            assertThat(
                    outcomes.ended("failed", bug.test()).size()
                        + outcomes.ended("passed", bug.test()).size())
                .as("%s, runs of %s: %s", order, bug.test(), outcomes.text())
                .isPositive());
    assertThat(races.values())
        .anySatisfy(outcomes -> assertThat(outcomes.ended("failed", bug.test())).isNotEmpty());
  }

  @ParameterizedTest
  @MethodSource("overruns")
  void wrongAccessOrBarrierFails(PlantedBug bug) {
    assertThat(overruns.ended("failed", bug.test())).as(overruns.text()).isNotEmpty();
    assertThat(overruns.text()).contains(SAID.getOrDefault(bug.file(), ""));
  }

  /** So that it is the bugs that fail above. */
  @ParameterizedTest
  @MethodSource("orders")
  void withoutBugsTheSameTestsPass(String order) throws Exception {
    List<PlantedBug> bugs = new ArrayList<>(RACES);
    bugs.addAll(OVERRUNS);
    ContractTests.Outcomes outcomes = run(null, order, bugs);
    for (PlantedBug bug : bugs) {
      assertThat(outcomes.ended("failed", bug.test())).as(outcomes.text()).isEmpty();
      assertThat(outcomes.ended("passed", bug.test())).as(outcomes.text()).isNotEmpty();
    }
  }
}
