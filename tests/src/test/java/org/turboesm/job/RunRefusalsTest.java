package org.turboesm.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.turboesm.calibration.Calibration;

/** What a run refuses, and that it says what to do. */
@Tag("job")
class RunRefusalsTest {
  private static final String MODEL = InProcess.goldenModel("esm_hd16");

  @TempDir static Path shared;
  @TempDir Path folder;

  private static String input;

  @BeforeAll
  static void write() throws IOException {
    RandomProteins random = new RandomProteins(5);
    StringBuilder fasta = new StringBuilder();
    for (int i = 0; i < 6; i++) {
      fasta.append(">p" + i + "\n" + random.sequence(20 + i) + "\n");
    }
    input = InputWriter.write(shared, "in.fasta", fasta.toString());
  }

  private InProcess embed(Object... more) {
    return InProcess.run(
        List.of("embed", "--input", input, "--model", MODEL, "--engine", "reference"), more);
  }

  private static void assertFails(InProcess run, String... messages) {
    assertThat(run.err()).contains(messages).doesNotContain("\tat ");
    assertThat(run.code()).isEqualTo(1);
  }

  @Test
  void outputIsReplacedOnlyWhereAskedAndOurs() throws IOException {
    Path output = folder.resolve("out");
    assertThat(embed("--output", output).code()).isZero();
    String manifest = Files.readString(output.resolve("manifest.json"));

    assertFails(embed("--output", output), "exists and is not empty", "--overwrite");
    assertThat(output.resolve("manifest.json")).hasContent(manifest);

    assertThat(embed("--output", output, "--overwrite").code()).isZero();
    assertThat(Files.readString(output.resolve("manifest.json"))).isNotEqualTo(manifest);

    Files.delete(output.resolve("manifest.json"));
    assertFails(embed("--output", output, "--overwrite"), "no manifest.json of TurboESM");
    assertThat(output.resolve("embeddings")).exists();
  }

  @Test
  void foreignFoldersStay() throws IOException {
    Path file = Files.writeString(folder.resolve("manifest.json"), "{\"format\": \"another\"}");
    assertFails(embed("--output", folder, "--overwrite"), "no manifest.json of TurboESM");
    assertThat(file).exists();
    assertFails(embed("--output", file), "is a file");
  }

  @Test
  void outputMayNotHoldTheInput() throws IOException {
    Path output = folder.resolve("out");
    assertThat(embed("--output", output).code()).isZero();
    String inside = InputWriter.write(output, "in.fasta", ">a\nMKV\n");
    assertFails(
        InProcess.run("embed", "-i", inside, "-o", output, "--model", MODEL, "--overwrite"),
        "lies in the output folder");
    assertThat(output.resolve("manifest.json")).exists();
  }

  @Test
  void enginesAndModelsThatAreNotThere() {
    Path output = folder.resolve("out");
    assertFails(
        InProcess.run("embed", "-i", input, "-o", output, "--engine", "abacus"),
        "unknown engine \"abacus\"",
        "reference");
    assertFails(
        InProcess.run("embed", "-i", input, "-o", output, "--precision", "f8"),
        "unknown precision \"f8\"");
    assertFails(
        InProcess.run("embed", "-i", input, "-o", output, "--model", folder.resolve("nowhere")),
        "nowhere",
        "no such folder");
    assertFails(embed("--output", output, "--layers", "3"), "has hidden states 0 to 2");
    assertThat(output).doesNotExist();
  }

  @Test
  void inputsThatAreNotThereOrHoldNothing() throws IOException {
    Path output = folder.resolve("out");
    assertFails(InProcess.run("embed", "-i", folder.resolve("no.fasta"), "-o", output), "no.fasta");
    String bad = InputWriter.write(folder, "bad.fasta", ">a\nAC7\n>b\n");
    assertFails(
        InProcess.run("embed", "-i", bad, "-o", output, "--model", MODEL),
        "all 2 records were rejected",
        "ILLEGAL_CHARACTER");
    assertThat(output).doesNotExist();
  }

  @Test
  void weightsThatAreNoNumbers() throws IOException {
    // Of all bits, a float of any width is not a number.
    Path model = modelOf(new byte[] {(byte) 0xff});
    Path output = folder.resolve("out");
    assertFails(
        InProcess.run("embed", "-i", input, "-o", output, "--model", model),
        "values are NaN or infinite");
    assertThat(output.resolve("manifest.json")).doesNotExist();
  }

  @Test
  void embeddingsThatAreNoNumbers() throws IOException {
    // In bfloat16, of either sign and so large that products overflow and cancel to what is no
    // number.
    Path model = modelOf(new byte[] {0x7b, 0x7b, 0x7b, 0x7b, 0x7b, 0x7b, 0x7b, (byte) 0xfb});
    Path output = folder.resolve("out");
    assertFails(
        InProcess.run("embed", "-i", input, "-o", output, "--model", model),
        "mode encode gives an embedding with a value of NaN, for p");
    assertThat(output.resolve("manifest.json")).doesNotExist();
  }

  /** A model whose weights are these bytes, over and over. */
  private Path modelOf(byte[] bytes) throws IOException {
    String original = InProcess.goldenModel("esm_hd32");
    Path model = Files.createDirectory(folder.resolve("model"));
    Files.copy(Path.of(original, "config.json"), model.resolve("config.json"));
    byte[] weights = Files.readAllBytes(Path.of(original, "model.safetensors"));
    int header = 8 + ByteBuffer.wrap(weights).order(ByteOrder.LITTLE_ENDIAN).getInt();
    for (int i = header; i < weights.length; i++) {
      weights[i] = bytes[(i - header) % bytes.length];
    }
    Files.write(model.resolve("model.safetensors"), weights);
    return model;
  }

  @Test
  void calibrationOfOtherWeights() {
    Path file = folder.resolve("calibration.parquet");
    InProcess calibrated =
        InProcess.run(
            "calibrate", "-i", input, "-o", file, "--model", MODEL, "--engine", "reference");
    assertThat(calibrated.err()).contains("calibrate: default K3 V3 on 3 proteins");
    assertThat(calibrated.code()).isZero();
    assertThat(calibrated.out()).contains("held-out     attention cosine");
    Calibration calibration =
        Calibration.read(new org.apache.hadoop.fs.Path(file.toString()), new Configuration());
    assertThat(calibration.measured()).isPresent();

    Path output = folder.resolve("out");
    assertFails(
        InProcess.run(
            "run",
            "-i",
            input,
            "-o",
            output,
            "--calibration",
            file,
            "--engine",
            "reference",
            "--model",
            InProcess.goldenModel("esm_hd24")),
        "the calibration was fitted to the model with hash");
    assertThat(output).doesNotExist();

    InProcess run =
        InProcess.run(
            "run",
            "-i",
            input,
            "-o",
            output,
            "--calibration",
            file,
            "--engine",
            "reference",
            "--model",
            MODEL,
            "--modes",
            "turbo",
            "--fidelity-sample",
            "all");
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(run.out()).contains("means over 3 proteins");
    assertThat(
            Calibration.read(
                    new org.apache.hadoop.fs.Path(output + "/calibration"), new Configuration())
                .hash())
        .isEqualTo(calibration.hash());

    assertFails(
        InProcess.run("calibrate", "-i", input, "-o", file, "--model", MODEL), "--overwrite");
  }
}
