package org.turboesm.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.turboesm.calibration.CodecSpec;
import org.turboesm.calibration.LocalCalibration;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.TurboEngine;
import org.turboesm.esm2.EsmTokenizer;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.OutputGrams;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.fidelity.FidelityProbe;
import org.turboesm.fidelity.ProteinFidelity;
import org.turboesm.job.action.Ingest;
import org.turboesm.job.action.Ingested;
import org.turboesm.job.plan.ProteinSample;
import org.turboesm.kv.KvCodec;

/** One sweep over codecs, bits, modes, prefills and calibration sizes, looked at from all sides. */
@Tag("job")
@ExtendWith(LocalSpark.class)
class FidelitySweepTest {
  private static final String MODEL = InProcess.goldenModel("esm_hd16");
  private static final int MEASURED = 6;
  private static final List<Integer> CALIBRATED = List.of(3, 8);

  /** Tokens, of which the shorter of the measured proteins have fewer, and the longer have more. */
  private static final int PREFILLED = 30;

  @TempDir static Path folder;

  private static String input;
  private static Path output;
  private static InProcess run;
  private static JsonNode rows;

  @BeforeAll
  static void sweepOnce() throws IOException {
    RandomProteins random = new RandomProteins(17);
    StringBuilder fasta = new StringBuilder();
    for (int i = 0; i < 24; i++) {
      fasta.append(">p" + i + "\n" + random.sequence(10 + 2 * i) + "\n");
    }
    input = InputWriter.write(folder, "in/proteins.fasta", fasta.toString());
    output = folder.resolve("out");
    run =
        InProcess.run(
            "fidelity",
            "--input",
            input,
            "--output",
            output,
            "--model",
            MODEL,
            "--engine",
            "reference",
            "--codecs",
            "default,paper,int4",
            "--bits",
            "2,3",
            "--modes",
            "turbo,decode",
            "--prefill",
            "0.5," + PREFILLED,
            "--calibration-proteins",
            "8,3",
            "--fidelity-sample",
            MEASURED);
    assertThat(run.code()).as(run.err()).isZero();
    rows = new ObjectMapper().readTree(output.resolve("fidelity.json").toFile());
  }

  @Test
  void writesWhatItPromises() {
    assertThat(output)
        .isDirectoryContaining("glob:**/fidelity.json")
        .isDirectoryContaining("glob:**/fidelity.md")
        .isDirectoryContaining("glob:**/rate-distortion.png")
        .isDirectoryContaining("glob:**/calibration.png")
        .isDirectoryContaining("glob:**/heads-default-K2-V2.png")
        .isDirectoryContaining("glob:**/heads-default-K3-V3.png")
        .isDirectoryContaining("glob:**/positions.png")
        .isDirectoryContaining("glob:**/manifest.json")
        .isDirectoryNotContaining("glob:**/_turboesm_unfinished");
    assertThat(run.err()).contains("measure 30 of 30").doesNotContain("left out");
    assertThat(run.out())
        .contains("| default K2 V2 ", "means over 6 proteins that no calibration saw")
        .contains(output.toString());
  }

  @Test
  void eachCodecIsMeasuredInEachWay() {
    List<String> expected = new ArrayList<>();
    for (int size : CALIBRATED) {
      for (String codec : List.of("default 2", "default 3", "paper 2", "paper 3", "int4 4")) {
        for (String mode : List.of("turbo ", "decode 0.5", "decode " + PREFILLED)) {
          expected.add(codec + " " + size + " " + mode);
        }
      }
    }
    List<String> found = new ArrayList<>();
    for (JsonNode row : rows) {
      assertThat(row.path("bits_v").asDouble()).isEqualTo(row.path("bits_k").asDouble());
      assertThat(row.path("proteins").asLong()).isEqualTo(MEASURED);
      assertThat(row.path("calibrated_on").asText()).isEqualTo("other proteins");
      // Of 16 channels of keys and of values; int4 has a scale of two bytes a token besides.
      double scales = row.path("codec").asText().equals("int4") ? 2 : 0;
      assertThat(row.path("bytes_per_token_head").asDouble())
          .isEqualTo(2 * 16 * row.path("bits_k").asDouble() / 8 + scales);
      found.add(
          row.path("codec").asText()
              + " "
              + row.path("bits_k").asInt()
              + " "
              + row.path("calibration_proteins").asInt()
              + " "
              + row.path("mode").asText()
              + " "
              + row.path("prefill").asText());
    }
    assertThat(found).containsExactlyInAnyOrderElementsOf(expected);
  }

  @Test
  void allAreMeasuredOnTheSameProteinsThatNoCalibrationSaw(SparkSession spark) {
    Set<String> measured;
    Set<String> calibrated;
    try (Ingested ingested = Ingest.run(spark, List.of(input))) {
      ProteinSample sample = ProteinSample.fidelity(ingested.proteins(), MEASURED, Set.of());
      measured = sample.sha256s();
      calibrated =
          ProteinSample.calibration(ingested.proteins(), CALIBRATED.get(1), measured).sha256s();
    }
    assertThat(calibrated).hasSize(CALIBRATED.get(1)).doesNotContainAnyElementsOf(measured);
    for (int c = 0; c < rows.size(); c++) {
      assertThat(configuration(spark, c))
          .extracting(row -> row.<String>getAs("sha256"))
          .containsExactlyInAnyOrderElementsOf(measured);
    }
  }

  /**
   * To the bit, from a calibration made here on the sample that leaves out what is measured: so it
   * is that sample which the sweep calibrates on.
   */
  @Test
  void figuresAreThoseOfACalibrationOnTheOtherProteins(SparkSession spark) throws IOException {
    int c = 0;
    while (!(rows.get(c).path("codec").asText().equals("default")
        && rows.get(c).path("mode").asText().equals("turbo")
        && rows.get(c).path("calibration_proteins").asInt() == CALIBRATED.get(0))) {
      c++;
    }
    double bits = rows.get(c).path("bits_k").asDouble();
    ProteinSample measured;
    ProteinSample calibrated;
    try (Ingested ingested = Ingest.run(spark, List.of(input))) {
      measured = ProteinSample.fidelity(ingested.proteins(), MEASURED, Set.of());
      calibrated =
          ProteinSample.calibration(ingested.proteins(), CALIBRATED.get(1), measured.sha256s());
    }
    List<Row> found = configuration(spark, c);
    try (EsmWeights weights = EsmWeights.open(Path.of(MODEL));
        EsmEngine engine = EsmEngines.open("reference", "f32", weights)) {
      KvCodec codec =
          new LocalCalibration(engine, weights, calibrated.first(CALIBRATED.get(0)).sequences())
              .fit(CodecSpec.of("default", bits, bits));
      try (TurboEngine turbo = engine.turbo(codec)) {
        FidelityProbe probe =
            new FidelityProbe(
                engine, turbo, codec, new OutputGrams(weights.config(), weights::attentionOutput));
        for (Row protein : measured.proteins()) {
          ProteinFidelity fidelity =
              probe
                  .turbo(
                      TokenBatch.of(
                          List.of(EsmTokenizer.tokenize(protein.<String>getAs("sequence")))))
                  .get(0);
          Row row =
              found.stream()
                  .filter(r -> r.getAs("sha256").equals(protein.getAs("sha256")))
                  .findFirst()
                  .orElseThrow();
          assertThat(doubles(row, "attention_nmse")).containsExactly(fidelity.attention().nmse());
        }
      }
    }
  }

  /**
   * Sums of a few doubles in another order differ by a few units in the last place, 1e-16 of the
   * sum each; 1e-12 is far above.
   */
  @Test
  void figuresAreMeansOverProteinsThatHaveThem(SparkSession spark) {
    int withoutFigures = 0;
    for (int c = 0; c < rows.size(); c++) {
      JsonNode row = rows.get(c);
      List<Row> proteins = configuration(spark, c);
      withoutFigures +=
          (int)
              proteins.stream()
                  .filter(r -> Double.isNaN(r.<Double>getAs("hidden_cosine_mean")))
                  .count();
      assertMean(row, "nmse_mean", proteins, r -> mean(doubles(r, "attention_nmse")));
      assertMean(row, "cosine_mean", proteins, r -> mean(doubles(r, "attention_cosine_mean")));
      assertMean(row, "cosine_p1", proteins, r -> mean(doubles(r, "attention_cosine_p1")));
      assertMean(
          row,
          "accumulated_nmse_mean",
          proteins,
          r -> mean(doubles(r, "accumulated_attention_nmse")));
      assertMean(row, "hidden_cosine_mean", proteins, r -> r.getAs("hidden_cosine_mean"));
      assertMean(row, "hidden_cosine_p1", proteins, r -> r.getAs("hidden_cosine_p1"));
      assertMean(row, "embedding_cosine_mean", proteins, r -> r.getAs("embedding_cosine"));
      assertMean(row, "kl", proteins, r -> r.getAs("kl"));
      assertMean(row, "top1", proteins, r -> r.getAs("top1_agreement"));
      assertMean(row, "pseudo_perplexity", proteins, r -> r.getAs("pseudo_perplexity"));
      assertMinimum(
          row,
          "cosine_min",
          proteins,
          r -> Arrays.stream(doubles(r, "attention_cosine_min")).min().orElseThrow());
      assertMinimum(row, "hidden_cosine_min", proteins, r -> r.getAs("hidden_cosine_min"));
      assertMinimum(row, "embedding_cosine_min", proteins, r -> r.getAs("embedding_cosine"));
      for (int l = 0; l < row.path("nmse_by_layer").size(); l++) {
        int layer = l;
        assertThat(row.path("nmse_by_layer").get(l).asDouble())
            .isCloseTo(
                mean(known(proteins, r -> doubles(r, "attention_nmse")[layer])), within(1e-12));
      }
      assertThat(row.path("pseudo_perplexity_change").asDouble(Double.NaN))
          .isCloseTo(
              row.path("pseudo_perplexity").asDouble()
                      / mean(known(proteins, r -> r.getAs("reference_pseudo_perplexity")))
                  - 1,
              within(1e-12));
      double ratio =
          (double) proteins.stream().mapToLong(r -> r.<Long>getAs("kv_bytes_fp32")).sum()
              / proteins.stream().mapToLong(r -> r.<Long>getAs("kv_bytes_packed")).sum();
      assertThat(row.path("compression_fp32").asDouble()).isCloseTo(ratio, within(1e-12));
    }
    assertThat(withoutFigures)
        .as("some proteins are prefilled as a whole, in each of ten configurations")
        .isPositive()
        .isLessThan(10 * MEASURED);
  }

  @Test
  void manifestIsOfASweep(SparkSession spark) throws IOException {
    JsonNode manifest = new ObjectMapper().readTree(output.resolve("manifest.json").toFile());
    assertThat(manifest.path("format").asText()).isEqualTo("turboesm-manifest");
    assertThat(manifest.has("counts")).isFalse();
    assertThat(manifest.path("settings").path("codecs"))
        .extracting(JsonNode::asText)
        .containsExactly(
            "default K2 V2", "default K3 V3", "paper K2 V2", "paper K3 V3", "int4 K4 V4");
    assertThat(manifest.path("settings").path("calibration_proteins"))
        .extracting(JsonNode::asInt)
        .isEqualTo(CALIBRATED);
    Set<String> configurations = new HashSet<>();
    for (JsonNode file : manifest.path("files")) {
      String path = file.path("path").asText();
      assertThat(Files.size(output.resolve(path))).isEqualTo(file.path("bytes").asLong());
      configurations.add(path.substring(0, "fidelity/configuration=0000".length()));
    }
    assertThat(configurations).hasSize(rows.size());
    assertThat(
            spark.read().parquet(output + "/fidelity").select("configuration").distinct().count())
        .isEqualTo(rows.size());
  }

  private static List<Row> configuration(SparkSession spark, int c) {
    return spark
        .read()
        .parquet(output + "/fidelity/" + String.format("configuration=%04d", c))
        .collectAsList();
  }

  private static double[] doubles(Row row, String column) {
    return row.<Double>getList(row.fieldIndex(column)).stream().mapToDouble(x -> x).toArray();
  }

  private static double mean(double[] values) {
    return Arrays.stream(values).average().orElseThrow();
  }

  /** The figures of the proteins that have one. */
  private static double[] known(List<Row> proteins, Function<Row, Double> figure) {
    return proteins.stream()
        .map(figure)
        .filter(value -> value != null && !Double.isNaN(value))
        .mapToDouble(Double::doubleValue)
        .toArray();
  }

  private static void assertMean(
      JsonNode row, String name, List<Row> proteins, Function<Row, Double> figure) {
    double[] known = known(proteins, figure);
    assertThat(known).as(row + " " + name).isNotEmpty();
    assertThat(row.path(name).asDouble(Double.NaN))
        .as(row + " " + name)
        .isCloseTo(mean(known), within(1e-12 * Math.max(1, mean(known))));
  }

  private static void assertMinimum(
      JsonNode row, String name, List<Row> proteins, Function<Row, Double> figure) {
    assertThat(row.path(name).asDouble(Double.NaN))
        .as(row + " " + name)
        .isEqualTo(Arrays.stream(known(proteins, figure)).min().orElseThrow());
  }
}
