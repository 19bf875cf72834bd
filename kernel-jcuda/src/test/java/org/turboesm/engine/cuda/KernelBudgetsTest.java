package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BiFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.turboesm.cuda.KernelReport;
import org.turboesm.cuda.KernelReports;
import org.turboesm.cuda.KernelVariant;
import org.turboesm.engine.Precision;
import org.turboesm.esm2.Esm2Family;
import org.turboesm.esm2.EsmConfig;

/**
 * Every kernel in every variant that the engine compiles for the published models, compiled by
 * NVRTC for every architecture that it is likely to meet. Budgets stand in {@code
 * kernel-budgets.tsv}.
 */
@Tag("cubin")
class KernelBudgetsTest {
  private static final Path KERNELS = Path.of("src/main/resources/cuda");

  /** A100; A10, RTX 30; L4, L40, RTX 40; H100, H200; B100, B200. */
  private static final List<Integer> ARCHITECTURES = List.of(80, 86, 89, 90, 100);

  private static final int COMPILERS = 2;

  /** Static shared memory of a block at most, of all architectures. */
  private static final int STATIC_SHARED_BYTES = 48 << 10;

  private record Compiled(KernelVariant variant, int architecture, KernelReport report) {
    @Override
    public String toString() {
      return report + " of " + variant + " for sm_" + architecture;
    }
  }

  private static List<Compiled> compiled;

  @BeforeAll
  static void compileAll() throws IOException, InterruptedException, ExecutionException {
    KernelReports reports = new KernelReports(Path.of(System.getProperty("kernel.reports")));
    assertThat(reports.architectures())
        .as("architectures of NVRTC %s", reports.compilerVersion())
        .containsAll(ARCHITECTURES);
    ExecutorService compilers = Executors.newFixedThreadPool(COMPILERS);
    try {
      List<Future<List<Compiled>>> results = new ArrayList<>();
      for (KernelVariant variant : variants()) {
        for (int architecture : ARCHITECTURES) {
          results.add(
              compilers.submit(
                  () ->
                      reports.of(variant, architecture).stream()
                          .map(report -> new Compiled(variant, architecture, report))
                          .toList()));
        }
      }
      compiled = new ArrayList<>();
      for (Future<List<Compiled>> result : results) {
        compiled.addAll(result.get());
      }
    } finally {
      compilers.shutdownNow();
    }
  }

  private static Set<KernelVariant> variants() {
    Set<KernelVariant> variants = new LinkedHashSet<>();
    for (Precision storage : storages()) {
      for (String name : Esm2Family.names()) {
        EsmConfig config = Esm2Family.config(name).orElseThrow();
        variants.addAll(KernelSet.variants(config, storage));
      }
    }
    variants.add(PoolingKernels.variant());
    variants.add(FidelityKernels.variant());
    return variants;
  }

  private static Set<Precision> storages() {
    return Arrays.stream(Precision.values())
        .map(precision -> KernelPrecision.of(precision).storage())
        .collect(Collectors.toCollection(TreeSet::new));
  }

  @Test
  void everyKernelFileIsCompiled() throws IOException {
    try (Stream<Path> files = Files.list(KERNELS)) {
      Set<String> present =
          files
              .map(file -> file.getFileName().toString())
              .filter(file -> file.endsWith(".cu"))
              .collect(Collectors.toSet());
      assertThat(variants().stream().map(KernelVariant::file).collect(Collectors.toSet()))
          .isEqualTo(present);
    }
  }

  @Test
  void noRegisterIsSpilled() {
    assertThat(compiled).isNotEmpty().filteredOn(each -> each.report().spillBytes() > 0).isEmpty();
  }

  @Test
  void theBlocksOfTheBudgetAreResident() {
    assertThat(overBudget((budget, report) -> report.registers() > budget.registers()))
        .as("registers")
        .isEmpty();
    assertThat(overBudget((budget, report) -> report.sharedBytes() > budget.sharedBytes()))
        .as("shared memory")
        .isEmpty();
    assertThat(overBudget((budget, report) -> report.stackBytes() > budget.stackBytes()))
        .as("stack")
        .isEmpty();
  }

  private static List<String> overBudget(BiFunction<KernelBudget, KernelReport, Boolean> isOver) {
    List<KernelBudget> budgets = KernelBudget.table();
    return compiled.stream()
        .filter(each -> isOver.apply(budget(budgets, each), each.report()))
        .map(each -> each + " against " + budget(budgets, each))
        .toList();
  }

  private static KernelBudget budget(List<KernelBudget> budgets, Compiled each) {
    return budgets.stream()
        .filter(budget -> budget.isFor(each.report().kernel(), each.variant(), each.architecture()))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no budget for " + each));
  }

  @Test
  void everyBudgetIsSomeKernels() {
    List<KernelBudget> budgets = KernelBudget.table();
    Set<KernelBudget> used = new HashSet<>();
    compiled.forEach(each -> used.add(budget(budgets, each)));
    assertThat(used).containsExactlyInAnyOrderElementsOf(budgets);
  }

  @Test
  void staticSharedMemoryIsWhatEveryBlockMayHave() {
    assertThat(compiled)
        .isNotEmpty()
        .filteredOn(each -> each.report().sharedBytes() > STATIC_SHARED_BYTES)
        .isEmpty();
  }

  @Test
  void everyKernelIsLaunchedWithAsManyArgumentsAsItHasParameters() throws IOException {
    Map<String, Set<Integer>> launched =
        LaunchSites.argumentCounts().entrySet().stream()
            .collect(Collectors.toMap(Map.Entry::getKey, entry -> Set.copyOf(entry.getValue())));
    Map<String, Set<Integer>> parameters =
        compiled.stream()
            .map(Compiled::report)
            .collect(
                Collectors.groupingBy(
                    KernelReport::kernel,
                    Collectors.mapping(report -> report.parameters().size(), Collectors.toSet())));
    assertThat(launched).isEqualTo(parameters);
  }

  @Test
  void aKernelsParametersAreTheSameInAllVariants() {
    Map<String, Set<List<String>>> types =
        compiled.stream()
            .map(Compiled::report)
            .collect(
                Collectors.groupingBy(
                    KernelReport::kernel,
                    Collectors.mapping(KernelReport::parameters, Collectors.toSet())));
    Collection<Set<List<String>>> ofKernels = types.values();
    assertThat(ofKernels).isNotEmpty().allMatch(ofKernel -> ofKernel.size() == 1);
  }
}
