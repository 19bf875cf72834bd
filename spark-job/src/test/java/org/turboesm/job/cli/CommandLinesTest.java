package org.turboesm.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The command line as far as it needs no Spark session. */
class CommandLinesTest {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int run(String... args) {
    return CommandLines.create(new PrintWriter(out), new PrintWriter(err)).execute(args);
  }

  @Test
  void helpNamesTheCommands() {
    assertThat(run("--help")).isZero();
    assertThat(out.toString())
        .contains(
            "demo", "run", "embed", "calibrate", "fidelity", "paper", "plan", "doctor", "help");
    assertThat(run("help", "run")).isZero();
    assertThat(out.toString()).contains("--fidelity-sample", "Default: 64");
  }

  @ParameterizedTest
  @ValueSource(strings = {"demo", "run", "embed", "calibrate", "fidelity"})
  void everyOptionHasADefaultOrIsRequired(String command) {
    assertThat(run(command, "--help")).isZero();
    assertThat(out.toString()).contains("--output", "Default: ");
  }

  @Test
  void versionNamesWhatRuns() {
    assertThat(run("--version")).isZero();
    assertThat(out.toString()).contains("TurboESM on Spark", "Spark 4.", "Java ");
  }

  @Test
  void withoutACommandItIsCalledWrongly() {
    assertThat(run()).isEqualTo(2);
    assertThat(err.toString()).contains("a command is missing", "Usage: turboesm");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --modes sideways          | unknown mode "sideways"
          --bits 9                  | bits 9 are out of range
          --bits x                  | neither one number like 3
          --codec zip               | unknown codec "zip"
          --prefill 1.5             | neither a fraction
          --fidelity-sample some    | expected a number, 0 or all
          --fidelity-sample -1      | expected a number, 0 or all
          --pooling max             | unknown pooling "max"
          --layers one              | "one" is not a whole number
          --batch-tokens 0          | --batch-tokens is 0, expected at least 1
          --batch-tokens many       | many
          --tasks-per-gpu 0         | --tasks-per-gpu is 0, expected at least 1
          --device -1               | device is -1, expected an ordinal
          --calibration-proteins 0  | --calibration-proteins is 0
          --nonsense                | Unknown option: '--nonsense'
          """)
  void wrongValuesAreErrorsOfUsage(String words, String message) {
    String[] given = words.split(" ");
    String[] args = new String[given.length + 5];
    System.arraycopy(new String[] {"run", "--input", "x.fasta", "--output", "out"}, 0, args, 0, 5);
    System.arraycopy(given, 0, args, 5, given.length);
    assertThat(run(args)).isEqualTo(2);
    assertThat(err.toString())
        .contains(message)
        .contains("turboesm run --help describes the options")
        .hasLineCount(2);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --codecs zip              | unknown codec "zip"
          --codecs ,                | --codecs is an empty list
          --codecs paper --bits 1.5 | bits 1.5,1.5 are not whole
          --bits 3,x                | --bits: "x" is neither one number like 3 nor two like 3:2
          --bits 3,9:2              | bits 9 are out of range
          --bits ,                  | --bits is an empty list
          --allotment head,tail     | unknown allotment "tail"
          --modes encode            | encode has no packed cache
          --modes turbo,sideways    | unknown mode "sideways"
          --prefill 0.5,many        | prefill "many" is neither a fraction
          --calibration-proteins x  | --calibration-proteins: "x" is not a number
          --calibration-proteins 0  | --calibration-proteins is 0
          --calibration-proteins ,  | --calibration-proteins is an empty list
          --fidelity-sample 0       | --fidelity-sample is 0, expected at least 1
          --fidelity-sample all     | all
          --batch-tokens 0          | --batch-tokens is 0, expected at least 1
          --by-organism --calibrate-on x | --by-organism splits the input itself
          """)
  void wrongSweepsAreErrorsOfUsage(String words, String message) {
    assertThat(run(("fidelity " + words).split(" "))).isEqualTo(2);
    assertThat(err.toString())
        .contains(message)
        .contains("turboesm fidelity --help describes the options")
        .hasLineCount(2);
  }

  @ParameterizedTest
  @CsvSource({
    "--prefill, often, neither a fraction",
    "--calibration-proteins, 0, --calibration-proteins is 0"
  })
  void wrongValuesOfPaperAreErrorsOfUsage(String option, String value, String message) {
    assertThat(run("paper", option, value)).isEqualTo(2);
    assertThat(err.toString())
        .contains(message)
        .contains("turboesm paper --help describes the options")
        .hasLineCount(2);
  }

  /** In int8, 15 billion parameters take a little more than 15e9 bytes, 14,305 MiB. */
  @Test
  void planSaysWhatTakesTheMemory() {
    assertThat(
            run("plan --model 15B --gpu-memory 24g --precision int8 --kv-tokens 8192".split(" ")))
        .isZero();
    assertThat(out.toString())
        .contains("model 15B: 48 layers, hidden size 5120, 40 heads")
        .containsPattern("weights, int8 +14,[3-9][0-9]{2}\\.[0-9] MiB")
        .contains("packed to 3 bits")
        .contains("32 proteins")
        .containsPattern("cuBLAS's workspaces +128\\.0 MiB")
        .doesNotContain("scales")
        .containsPattern("left +[0-9,.]+ MiB")
        .containsPattern("largest batch +[0-9,]{6} tokens");
  }

  /** 48 layers of 40 heads of 128 channels, and (8192 + 32 * 31) / 32 blocks: 287. */
  @Test
  void planCountsWhatTheCodecKeeps() {
    String words = "plan --model 15B --gpu-memory 80g --kv-tokens 8192 --codec ";
    assertThat(run((words + "int4").split(" "))).isZero();
    // A block of a head has 4 words for each channel of keys and of values, and 32 scales of 2
    // bytes.
    assertThat(out.toString())
        .containsPattern("packed to 4 bits +2,152\\.5 MiB")
        .containsPattern("values' scales +33\\.6 MiB")
        .contains("full-precision tails");
    out.getBuffer().setLength(0);
    assertThat(run((words + "paper-sign").split(" "))).isZero();
    assertThat(out.toString())
        .contains("packed to 3.5 bits")
        .doesNotContain("scales", "full-precision tails");
  }

  @Test
  void planWithoutACacheHasTheLanesOfPassesAlone() {
    assertThat(run("plan --model 8M --gpu-memory 8g".split(" "))).isZero();
    assertThat(out.toString()).containsPattern("cuBLAS's workspaces +64\\.0 MiB");
  }

  /** What is said to fit does, and one more token does not. */
  @ParameterizedTest
  @ValueSource(strings = {"", " --kv-proteins 500"})
  void largestCacheIsTheLastThatFits(String proteins) {
    String words = "plan --model 650M --gpu-memory 7g" + proteins + " --kv-tokens ";
    assertThat(run((words + "1000000").split(" "))).isEqualTo(1);
    Matcher fitting = Pattern.compile("take --kv-tokens ([0-9]+) or less").matcher(err.toString());
    assertThat(fitting.find()).as(err.toString()).isTrue();
    int tokens = Integer.parseInt(fitting.group(1));

    assertThat(run((words + tokens).split(" "))).isZero();
    assertThat(run((words + (tokens + 1)).split(" "))).isEqualTo(1);
  }

  @Test
  void planReadsAFoldersConfigurationAlone(@TempDir Path folder) throws IOException {
    Files.writeString(
        folder.resolve("config.json"),
        """
        {"model_type": "esm", "position_embedding_type": "rotary", "vocab_size": 33,
         "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 2,
         "intermediate_size": 256}
        """);
    assertThat(run("plan", "--model", folder.toString(), "--gpu-memory", "2g")).isZero();
    assertThat(out.toString()).contains("2 layers, hidden size 64, 2 heads");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          15B  | 24g | bf16 | does not fit 24g: | take --precision int8, or a GPU with more memory
          15B  | 24g | int8 --batch-tokens 99999 | MiB are missing | take --batch-tokens
          15B  | 24g | int8 --kv-tokens 30000 | MiB are missing | take --kv-tokens
          650M | 4g  | bf16 --kv-tokens 20000 | MiB are missing | , or --batch-tokens
          15B  | 24g | int8 --batch-tokens 99999 --kv-tokens 10 | MiB | take --batch-tokens
          15B  | 8g  | int8 | does not fit 8g: | take a GPU with more memory or a smaller model
          """)
  void planRefusesWhatDoesNotFit(
      String model, String memory, String precision, String refusal, String remedy) {
    String words = "plan --model " + model + " --gpu-memory " + memory + " --precision ";
    assertThat(run((words + precision).split(" "))).isEqualTo(1);
    assertThat(err.toString()).contains(refusal, remedy).hasLineCount(1);
    assertThat(out.toString()).containsPattern("missing +[0-9,.]+ MiB");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --gpu-memory much                    | --gpu-memory is "much", expected a size such as 24g
          --gpu-memory 24g --reserve x         | --reserve is "x"
          --gpu-memory 24g --kv-tokens -1      | --kv-tokens is -1
          --gpu-memory 24g --kv-proteins 0     | --kv-proteins is 0
          --gpu-memory 24g --batch-tokens 0    | --batch-tokens is 0
          --gpu-memory 24g --precision auto    | --precision is auto
          --gpu-memory 24g --bits 2.3          | bits 2.3 are not a multiple of 1/8
          --gpu-memory 24g --codec sqd         | unknown codec "sqd"
          --gpu-memory 24g --bits 9            | bits 9 are out of range
          """)
  void wrongPlansAreErrorsOfUsage(String words, String message) {
    assertThat(run(("plan --model 8M " + words).split(" "))).isEqualTo(2);
    assertThat(err.toString()).contains(message).hasLineCount(2);
  }

  @Test
  void codecsAreListed() {
    assertThat(run("fidelity", "--list-codecs")).isZero();
    assertThat(out.toString().lines().map(line -> line.split(" ")[0]))
        .startsWith("default", "paper")
        .contains("int8", "default-without-tail")
        .doesNotHaveDuplicates();
  }

  @Test
  void inputAndOutputAreRequired() {
    assertThat(run("embed")).isEqualTo(2);
    assertThat(err.toString()).contains("--input", "--output");
  }

  @Test
  void demoProteinsAreExtractedAndRemoved() throws IOException {
    Path file;
    try (EmbeddedProteins demo = EmbeddedProteins.demo(7)) {
      file = demo.file();
      try (BufferedReader reader = Files.newBufferedReader(file)) {
        assertThat(reader.lines().filter(line -> line.startsWith(">"))).hasSize(7);
      }
    }
    assertThat(file).doesNotExist();
    try (EmbeddedProteins all = EmbeddedProteins.demo(1000);
        BufferedReader reader = Files.newBufferedReader(all.file())) {
      assertThat(reader.lines().filter(line -> line.startsWith(">"))).hasSize(500);
    }
  }
}
