package org.turboesm.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.cuda.CudaContext;
import org.turboesm.cuda.CudaDriver;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngines;
import org.turboesm.esm2.EsmTokenizer;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;

/** Jobs on devices that schedule otherwise, are lost, or have little memory. */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class EmulatedDeviceJobTest {
  private static final long SEED = 23;
  private static final String MODEL = InProcess.goldenModel("esm_hd32");
  private static final List<Integer> LENGTHS = List.of(1, 2, 31, 33, 70, 50, 60, 40);
  private static final int LONG = 1000;

  @TempDir static Path folder;
  private final Map<String, String> sequences = new TreeMap<>();
  private Map<String, float[]> expected;

  @BeforeAll
  void embedUndisturbed() throws Exception {
    assumeTrue(
        CudaDriver.get().devices().get(0).name().contains("emulator"), "the device is a real one");
    RandomProteins random = new RandomProteins(SEED);
    for (int length : LENGTHS) {
      sequences.put("p" + length, random.sequence(length));
    }
    Path output = folder.resolve("undisturbed");
    InProcess run = InProcess.run(embed(input("all.fasta"), output).toArray());
    assertThat(run.code()).as(run.err()).isZero();
    expected = EmbeddingFiles.embeddings(output, "encode");
    assertThat(expected).containsOnlyKeys(sequences.keySet());
  }

  private String input(String name) throws IOException {
    StringBuilder fasta = new StringBuilder();
    sequences.forEach((id, sequence) -> fasta.append(">" + id + "\n" + sequence + "\n"));
    return InputWriter.write(folder, name, fasta.toString());
  }

  private static List<String> embed(String input, Path output) {
    return new ArrayList<>(
        List.of(
            "embed",
            "--input",
            input,
            "--output",
            output.toString(),
            "--model",
            MODEL,
            "--engine",
            "cuda",
            "--precision",
            "f32",
            "--batch-tokens",
            "128"));
  }

  private JobProcess run(Path output, String master, Map<String, String> emulator)
      throws Exception {
    List<String> arguments = embed(folder.resolve("all.fasta").toString(), output);
    arguments.addAll(List.of("--master", master));
    return JobProcess.run(emulator, folder.resolve(output.getFileName() + ".log"), arguments);
  }

  private void assertSameBits(Map<String, float[]> found) {
    assertThat(found).containsOnlyKeys(expected.keySet());
    expected.forEach(
        (id, embedding) ->
            assertThat(found.get(id)).as("%s, seed %d", id, SEED).isEqualTo(embedding));
  }

  @ParameterizedTest
  @ValueSource(strings = {"reversed", "seeded:7"})
  void orderOfThreadsChangesNoBit(String order) throws Exception {
    Path output = folder.resolve(order.replace(':', '-'));
    JobProcess run = run(output, "local[2]", Map.of("TURBOESM_EMULATOR_ORDER", order));

    assertThat(run.code()).as(run.output()).isZero();
    assertSameBits(EmbeddingFiles.embeddings(output, "encode"));
  }

  /**
   * Spark runs the tasks again, on an engine opened anew in the same process. The emulator's
   * context is whole again then, as after most errors a device's is not: there the process itself
   * must go, which takes a cluster.
   */
  @Test
  void tasksOfALostDeviceRunAgain() throws Exception {
    Path output = folder.resolve("lost");
    JobProcess run =
        run(output, "local[2,3]", Map.of("TURBOESM_EMULATOR_FAIL", "cuLaunchKernel:25:719"));

    assertThat(run.output()).contains("cuLaunchKernel: call 25 returns 719");
    assertThat(run.code()).as(run.output()).isZero();
    assertThat(run.output()).contains("has failed and is not used again");
    assertSameBits(EmbeddingFiles.embeddings(output, "encode"));
  }

  /** Room for the others and half of what the long one takes more. */
  @Test
  void proteinThatDoesNotFitIsRejectedAndTheOthersAreEmbedded() throws Exception {
    String longest = new RandomProteins(SEED).sequence(LONG);
    List<String> arguments =
        embed(
            InputWriter.write(
                folder,
                "long.fasta",
                java.nio.file.Files.readString(Path.of(input("all.fasta")))
                    + ">long\n"
                    + longest
                    + "\n"),
            folder.resolve("small"));
    arguments.addAll(List.of("--master", "local[1]"));
    JobProcess run =
        JobProcess.run(
            Map.of("TURBOESM_EMULATOR_MEMORY", String.valueOf(memoryBetween(128, LONG))),
            folder.resolve("small.log"),
            arguments);

    assertThat(run.code()).as(run.output()).isZero();
    assertThat(EmbeddingFiles.rejects(folder.resolve("small")))
        .containsExactly("long OUT_OF_MEMORY");
    assertSameBits(EmbeddingFiles.embeddings(folder.resolve("small"), "encode"));
  }

  /** Device memory that is enough for a batch of the fewer residues, not for the more. */
  private static long memoryBetween(int fewer, int more) {
    try (CudaContext context = CudaContext.open(CudaDriver.get().device(0))) {
      long free = context.freeBytes();
      try (EsmWeights weights = EsmWeights.open(Path.of(MODEL));
          EsmEngine engine = EsmEngines.open("cuda", "f32", weights)) {
        encode(engine, fewer);
        context.makeCurrent();
        long least = free - context.freeBytes();
        encode(engine, more);
        context.makeCurrent();
        return least + (free - context.freeBytes() - least) / 2;
      }
    }
  }

  private static void encode(EsmEngine engine, int residues) {
    int[] tokens = EsmTokenizer.tokenize("M".repeat(residues));
    engine.encode(TokenBatch.of(List.of(tokens)), ForwardObserver.NONE);
  }
}
