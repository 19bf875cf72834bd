package org.turboesm.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.turboesm.ChildJvm;
import org.turboesm.TurboEsmException;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngineProvider;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.Precision;
import org.turboesm.engine.RandomProteins;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.RandomEsmModel;
import org.turboesm.esm2.TokenBatch;

class CpuEngineProviderTest {
  private final CpuEngineProvider provider = new CpuEngineProvider();
  @TempDir Path folder;

  @Test
  void isFoundOnTheClassPath() {
    assertThat(EsmEngines.providers()).hasAtLeastOneElementOfType(CpuEngineProvider.class);
  }

  @Test
  void describesLibraryInstructionSetAndWidth() {
    assertThat(provider.description())
        .matches("oneDNN \\d+\\.\\d+\\.\\d+ \\w+ \\(\\w+\\), Vector API \\d+ bits");
  }

  @Test
  void everyPrecisionOfThisProcessorIsOpened() {
    assertThat(provider.precisions()).contains(Precision.F32, Precision.INT8);
    try (EsmWeights weights = EsmWeights.open(model())) {
      for (Precision precision : provider.precisions()) {
        try (EsmEngine engine = provider.open(weights, precision, 0)) {
          assertThat(engine.capabilities().precision()).isEqualTo(precision);
        }
      }
    }
  }

  @Test
  void preferenceIsHalfTheBitsWhereTheProcessorHasThem() {
    List<Precision> precisions = provider.precisions();
    assertThat(precisions.get(0))
        .isEqualTo(precisions.contains(Precision.BF16) ? Precision.BF16 : Precision.F32);
  }

  /**
   * Two layers of hidden size 48 on values of order 1: each of a few hundred roundings of 6e-8, of
   * which the last LayerNorm keeps the scale.
   */
  @Test
  void encodesAsTheReferenceEngineDoes() {
    TokenBatch batch = batch(2, 40, 133);
    try (EsmWeights weights = EsmWeights.open(model());
        EsmEngine reference = EsmEngines.open("reference", "f32", weights);
        EsmEngine engine = EsmEngines.open("cpu", "f32", weights)) {
      float[] expected = reference.encode(batch, ForwardObserver.NONE);
      float[] actual = engine.encode(batch, ForwardObserver.NONE);
      for (int i = 0; i < expected.length; i++) {
        assertThat(actual[i]).as("element %d", i).isCloseTo(expected[i], within(2e-5f));
      }
    }
  }

  @Test
  void closedEngineHoldsNoNativeObject() {
    try (EsmWeights weights = EsmWeights.open(model())) {
      openAndClose(weights);
      long before = Pointer.totalCount();
      openAndClose(weights);
      assertThat(Pointer.totalCount()).isEqualTo(before);
    }
  }

  @Test
  void withoutTheVectorModuleItSaysSoAndThrowsNothing() throws Exception {
    assertThat(ChildJvm.run(PrintReason.class, List.of(), Map.of()).output())
        .contains("start it with --add-modules jdk.incubator.vector");
  }

  /** As on a processor of 2013: eight lanes, no VNNI, no bfloat16. */
  @Test
  void processorWithoutAvx512ComputesTheSame() throws Exception {
    assertThat(
            ChildJvm.run(
                    EncodeAndCompare.class,
                    List.of("--add-modules=jdk.incubator.vector", "-Dturboesm.vectorBits=256"),
                    Map.of("ONEDNN_MAX_CPU_ISA", "AVX2"))
                .output())
        .contains("avx2", "Vector API 256 bits", "bf16 refused", "f32 agrees", "int8 agrees");
  }

  @Test
  void processorWithoutVnniComputesTheSame() throws Exception {
    assertThat(
            ChildJvm.run(
                    EncodeAndCompare.class,
                    List.of("--add-modules=jdk.incubator.vector", "-Dturboesm.vectorBits=128"),
                    Map.of("ONEDNN_MAX_CPU_ISA", "AVX512_CORE"))
                .output())
        .contains("Vector API 128 bits", "bf16 refused", "f32 agrees", "int8 agrees");
  }

  @Test
  void processorWithoutFastKernelsIsRefusedWithARemedy() throws Exception {
    assertThat(
            ChildJvm.run(
                    PrintReason.class,
                    List.of("--add-modules=jdk.incubator.vector"),
                    Map.of("ONEDNN_MAX_CPU_ISA", "SSE41"))
                .output())
        .contains("no kernel for AVX2 or better", "gemm:jit:f32", "unset ONEDNN_MAX_CPU_ISA");
  }

  private void openAndClose(EsmWeights weights) {
    try (EsmEngine engine = provider.open(weights, Precision.F32, 0)) {
      engine.encode(batch(20), ForwardObserver.NONE);
    }
  }

  private static TokenBatch batch(int... lengths) {
    SplittableRandom random = new SplittableRandom(7);
    return TokenBatch.of(
        Arrays.stream(lengths).mapToObj(n -> RandomProteins.tokens(random, n)).toList());
  }

  private Path model() {
    RandomEsmModel.of(RandomEsmModel.config(2, 2, 24), 40).write(folder);
    return folder;
  }

  /** Prints the provider's reason, as a listing of engines would. */
  static final class PrintReason {
    public static void main(String[] arguments) {
      for (EsmEngineProvider found : EsmEngines.providers()) {
        if (found.name().equals("cpu")) {
          System.out.println(found.unavailable().orElse("available") + "; " + found.description());
        }
      }
    }
  }

  /** Prints for each precision whether the engine agrees with the reference on a random model. */
  static final class EncodeAndCompare {
    public static void main(String[] arguments) throws Exception {
      Path folder = Files.createTempDirectory("model");
      RandomEsmModel.of(RandomEsmModel.config(2, 2, 24), 40).write(folder);
      CpuEngineProvider cpu = new CpuEngineProvider();
      System.out.println(cpu.description());
      TokenBatch batch = batch(2, 40, 133);
      try (EsmWeights weights = EsmWeights.open(folder);
          EsmEngine reference = EsmEngines.open("reference", "f32", weights)) {
        float[] expected = reference.encode(batch, ForwardObserver.NONE);
        for (Precision precision : Precision.values()) {
          System.out.println(precision.label() + ' ' + compare(cpu, weights, precision, expected));
        }
      }
    }

    private static String compare(
        CpuEngineProvider cpu, EsmWeights weights, Precision precision, float[] expected) {
      try (EsmEngine engine = cpu.open(weights, precision, 0)) {
        float[] actual = engine.encode(batch(2, 40, 133), ForwardObserver.NONE);
        double difference = 0;
        double size = 0;
        for (int i = 0; i < expected.length; i++) {
          difference += Math.pow(actual[i] - expected[i], 2);
          size += Math.pow(expected[i], 2);
        }
        // Seven and eight bits carry 1% and half of it a layer; f32 what is derived above.
        double limit = precision == Precision.F32 ? 1e-5 : 0.03;
        double error = Math.sqrt(difference / size);
        return error < limit ? "agrees" : "is off by " + error;
      } catch (TurboEsmException e) {
        return "refused: " + e.getMessage();
      }
    }
  }
}
