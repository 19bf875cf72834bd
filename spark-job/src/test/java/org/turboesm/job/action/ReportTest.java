package org.turboesm.job.action;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.turboesm.job.commit.FidelitySummary;
import org.turboesm.job.commit.Manifest;

class ReportTest {

  private static String report(
      Manifest.Calibrated calibration,
      Map<String, Manifest.CacheBytes> cache,
      Map<String, FidelitySummary> fidelity) {
    return report(calibration, cache, Map.of(), fidelity);
  }

  private static String report(
      Manifest.Calibrated calibration,
      Map<String, Manifest.CacheBytes> cache,
      Map<String, Manifest.CalibratedRange> range,
      Map<String, FidelitySummary> fidelity) {
    StringWriter text = new StringWriter();
    Manifest manifest =
        new Manifest(
            Manifest.FORMAT,
            Manifest.VERSION,
            new Manifest.Versions("1", "4", "17", "local"),
            Map.of(),
            new Manifest.Model("demo", "abc", 6, 256, 4),
            new Manifest.Input(List.of(), "def"),
            calibration,
            new Manifest.Counts(1234, 1233, 1, Map.of(), Map.of("EMPTY_RECORD", 1L), 64),
            List.of(),
            41203.4,
            Map.of("encode", new Manifest.Throughput(1233, 5000, 0.25)),
            cache,
            range,
            fidelity,
            List.of());
    new Report(manifest, "/data/out", new PrintWriter(text)).print();
    return text.toString();
  }

  private static FidelitySummary summary(Double logits) {
    List<Double> layers = List.of(0.99, 0.98);
    return new FidelitySummary(
        64, 0.985, 0.01, layers, layers, 0.98, 0.02, 0.999, 0.001, 0.9998, 0.0002, logits, logits,
        logits, logits);
  }

  @Test
  void encodeAloneIsShort() {
    assertThat(report(null, Map.of(), Map.of()).strip())
        .isEqualToNormalizingNewlines(
            """
            proteins          1,234 in, 1,233 embedded, 1 rejected
                              1 EMPTY_RECORD
            speed             41,203 tokens/s over all modes
                              encode 20,000 tokens/s a task

            output            /data/out
            read it           duckdb -c "SELECT id, mode, embedding FROM read_parquet('/data/out/embeddings/*/*.parquet') LIMIT 5"
                              spark.read.parquet("/data/out/embeddings")""");
  }

  @Test
  void figuresStandSideBySide() {
    Map<String, FidelitySummary> fidelity = new LinkedHashMap<>();
    fidelity.put("turbo", summary(0.5));
    fidelity.put("decode", summary(0.25));
    String report =
        report(
            new Manifest.Calibrated("c", "h", "default K3 V3", 64, 1000, 1_200_000),
            Map.of("turbo", new Manifest.CacheBytes(10_000_000, 5_000_000, 1_000_000)),
            fidelity);
    assertThat(report)
        .contains(
            "10.0 MB fp32, 5.0 MB fp16, 1.0 MB packed: 10.0x smaller than fp32, 5.0x than fp16")
        .contains("default K3 V3, calibrated on 64 proteins; tables and transforms 1.2 MB")
        .contains("means over 64 proteins that calibration did not see")
        .containsPattern("turbo +decode\\R")
        .containsPattern("attention cosine +0.98500 +0.98500\\R")
        .containsPattern("top-1 agreement +0.50000 +0.25000\\R");
  }

  @Test
  void figuresThatNoProteinHasAreDashes() {
    Map<String, FidelitySummary> fidelity = new LinkedHashMap<>();
    fidelity.put("turbo", summary(0.5));
    fidelity.put("decode", summary(null));
    assertThat(report(null, Map.of(), fidelity)).containsPattern("top-1 agreement +0.50000 +-\\R");
  }

  @Test
  void modelsWithoutALanguageModelHeadHaveNoLogits() {
    assertThat(report(null, Map.of(), Map.of("turbo", summary(null))))
        .contains("embedding cosine")
        .doesNotContain("pseudo-perplexity");
  }

  @Test
  void anAlarmIsALineForItsMode() {
    Manifest.WorstHead worst = new Manifest.WorstHead(3, 2, 0.25);
    String report =
        report(
            null,
            Map.of(),
            Map.of(
                "turbo", new Manifest.CalibratedRange(1000, 75, 0.075, 0.001, worst, true),
                "decode", new Manifest.CalibratedRange(1000, 2, 0.002, 0.001, worst, false)),
            Map.of());
    assertThat(report.lines().filter(line -> line.contains("WARNING")))
        .containsExactly(
            "WARNING, turbo    0.075 of keys and values lie outside the calibrated range, where"
                + " 0.0010 is expected (worst: layer 3 head 2, 0.25): calibrate on proteins like"
                + " these, and see the fidelity on held-out proteins");
  }
}
