package org.turboesm.job;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.turboesm.job.action.Ingest;
import org.turboesm.job.action.Ingested;
import org.turboesm.job.plan.Organisms;

/** Which proteins a sweep calibrates on and measures, and which inputs and outputs it refuses. */
@Tag("job")
@ExtendWith(LocalSpark.class)
class FidelityInputsTest {
  private static final String MODEL = InProcess.goldenModel("esm_hd16");

  @TempDir Path folder;

  private final RandomProteins random = new RandomProteins(23);

  private InProcess sweep(Object... more) {
    return InProcess.run(
        List.of(
            "fidelity",
            "--model",
            MODEL,
            "--engine",
            "reference",
            "--codecs",
            "default",
            "--bits",
            "2"),
        more);
  }

  private static void assertFails(InProcess run, String... messages) {
    assertThat(run.err()).contains(messages).doesNotContain("\tat ");
    assertThat(run.code()).isEqualTo(1);
  }

  private String records(String prefix, int records, String description) {
    StringBuilder fasta = new StringBuilder();
    for (int i = 0; i < records; i++) {
      fasta
          .append(">" + prefix + i + " " + description + "\n")
          .append(random.sequence(15 + i) + "\n");
    }
    return fasta.toString();
  }

  private static JsonNode rows(Path output) throws IOException {
    return new ObjectMapper().readTree(output.resolve("fidelity.json").toFile());
  }

  private static List<String> measured(SparkSession spark, Path output) {
    return spark
        .read()
        .parquet(output + "/fidelity")
        .select("id")
        .distinct()
        .collectAsList()
        .stream()
        .map(row -> row.getString(0))
        .toList();
  }

  @Test
  void anOlderSweepIsReplacedOnlyWhereAsked() throws IOException {
    String input = InputWriter.write(folder, "in.fasta", records("p", 6, ""));
    Path output = folder.resolve("out");
    InProcess first = sweep("-i", input, "-o", output);
    assertThat(first.code()).as(first.err()).isZero();
    String manifest = Files.readString(output.resolve("manifest.json"));

    assertFails(sweep("-i", input, "-o", output), "exists and is not empty", "--overwrite");
    assertThat(output.resolve("manifest.json")).hasContent(manifest);

    InProcess second = sweep("-i", input, "-o", output, "--overwrite", "--modes", "decode");
    assertThat(second.code()).as(second.err()).isZero();
    assertThat(rows(output)).hasSize(1);
    assertThat(rows(output).get(0).path("mode").asText()).isEqualTo("decode");
    assertThat(output.resolve("positions.png")).exists();
  }

  @Test
  void aRefusedInputLeavesAnOlderSweepAlone() throws IOException {
    String input = InputWriter.write(folder, "in.fasta", records("p", 6, ""));
    String one = InputWriter.write(folder, "one.fasta", records("p", 1, ""));
    Path output = folder.resolve("out");
    assertThat(sweep("-i", input, "-o", output).code()).isZero();
    String manifest = Files.readString(output.resolve("manifest.json"));

    assertFails(
        sweep("-i", one, "-o", output, "--overwrite"), "no protein is left to calibrate on");
    assertFails(sweep("-i", input, "-o", output, "--overwrite", "--by-organism"), "0 organisms");
    assertFails(
        sweep("-i", input, "-o", output, "--overwrite", "--calibrate-on", folder.resolve("no.fa")),
        "no.fa");
    String inside = InputWriter.write(output, "calibrate.fasta", records("c", 3, ""));
    assertFails(
        sweep("-i", input, "-o", output, "--overwrite", "--calibrate-on", inside),
        "lies in the output folder");
    assertThat(Path.of(inside)).exists();
    assertThat(output.resolve("manifest.json")).hasContent(manifest);
    assertThat(output.resolve("_turboesm_unfinished")).doesNotExist();
  }

  @Test
  void oneProteinCannotBeBothMeasuredAndCalibratedOn() throws IOException {
    String one = InputWriter.write(folder, "one.fasta", records("p", 1, ""));
    Path output = folder.resolve("out");
    assertFails(
        sweep("-i", one, "-o", output),
        "no protein is left to calibrate on: all are measured on",
        "--calibrate-on");
    assertFails(
        sweep("-i", one, "-o", output, "--calibrate-on", one),
        "the input has no protein to measure on that calibration has not seen");
    assertThat(output).doesNotExist();
  }

  @Test
  void proteinsOfAnotherInputAreNotMeasured(SparkSession spark) throws IOException {
    String shared = records("s", 4, "");
    String input = InputWriter.write(folder, "in.fasta", shared + records("p", 5, ""));
    // The same residues under other names.
    String calibration =
        InputWriter.write(
            folder, "other.fasta", shared.replace(">s", ">renamed") + records("c", 3, ""));
    Path output = folder.resolve("out");
    InProcess run = sweep("-i", input, "-o", output, "--calibrate-on", calibration);
    assertThat(run.code()).as(run.err()).isZero();

    assertThat(measured(spark, output)).containsExactlyInAnyOrder("p0", "p1", "p2", "p3", "p4");
    assertThat(rows(output).get(0).path("calibrated_on").asText()).isEqualTo("another input");
    assertThat(rows(output).get(0).path("calibration_proteins").asInt()).isEqualTo(7);
    assertThat(run.err())
        .contains("ingest to calibrate on: 7 proteins", "warning: calibrated on 7 proteins");
  }

  @Test
  void organismsThatAreMeasuredAndOthersAreCalibratedOnAlike(SparkSession spark)
      throws IOException {
    StringBuilder fasta = new StringBuilder();
    for (int o = 0; o < 5; o++) {
      // Of so many proteins each, so that the two sources do not have as many by chance.
      fasta.append(
          records("o" + o + "-", 4 + o, "A protein OS=Genus species" + o + " OX=" + o + " PE=1"));
    }
    fasta.append(records("unnamed", 3, "A protein"));
    String input = InputWriter.write(folder, "in.fasta", fasta.toString());
    Path output = folder.resolve("out");
    InProcess run = sweep("-i", input, "-o", output, "--by-organism", "--modes", "turbo,decode");
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(run.err()).contains("organisms: 2 to calibrate on, 3 others to measure on");

    JsonNode rows = rows(output);
    List<String> sources = new ArrayList<>();
    Set<Integer> sizes = new TreeSet<>();
    for (JsonNode row : rows) {
      sources.add(row.path("calibrated_on").asText() + " " + row.path("mode").asText());
      sizes.add(row.path("calibration_proteins").asInt());
    }
    assertThat(sources)
        .containsExactly(
            "the same organisms turbo",
            "the same organisms decode",
            "other organisms turbo",
            "other organisms decode");
    assertThat(sizes).hasSize(1);
    assertThat(rows.get(2).path("nmse_mean").asDouble())
        .as("another calibration gives other figures")
        .isPositive()
        .isNotEqualTo(rows.get(0).path("nmse_mean").asDouble());
    try (Ingested ingested = Ingest.run(spark, List.of(input))) {
      Organisms organisms = Organisms.split(ingested.proteins());
      Set<String> first = ids(organisms.first().collectAsList());
      Set<String> second = ids(organisms.second().collectAsList());
      assertThat(organismsOf(first)).hasSize(2).doesNotContainAnyElementsOf(organismsOf(second));
      assertThat(organismsOf(second)).hasSize(3);
      List<String> measured = measured(spark, output);
      // Half of them; the other half, or all of the first where those are fewer, is calibrated on.
      assertThat(measured).hasSize(second.size() / 2).isSubsetOf(second);
      assertThat(sizes).containsExactly(Math.min(first.size(), second.size() - second.size() / 2));
    }
    assertThat(run.out()).contains(" the same organisms |", " other organisms |");
  }

  private static Set<String> ids(List<Row> rows) {
    Set<String> ids = new TreeSet<>();
    rows.forEach(row -> ids.add(row.getAs("id")));
    return ids;
  }

  private static Set<String> organismsOf(Set<String> ids) {
    Set<String> organisms = new TreeSet<>();
    ids.forEach(id -> organisms.add(id.substring(0, id.indexOf('-'))));
    return organisms;
  }

  @Test
  void organismsMustBeNamed() throws IOException {
    Path output = folder.resolve("out");
    String none = InputWriter.write(folder, "none.fasta", records("p", 6, "A protein"));
    assertFails(
        sweep("-i", none, "-o", output, "--by-organism"),
        "the proteins' headers name 0 organisms (OS=..., as in UniProt's FASTA)",
        "at least two are needed");
    String one =
        InputWriter.write(folder, "one.fasta", records("p", 6, "A protein OS=Homo sapiens OX=1"));
    assertFails(sweep("-i", one, "-o", output, "--by-organism"), "at least two are needed");
    assertThat(output).doesNotExist();
  }
}
