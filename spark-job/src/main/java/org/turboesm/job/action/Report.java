package org.turboesm.job.action;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.turboesm.job.commit.FidelitySummary;
import org.turboesm.job.commit.Manifest;

/** Says in a screenful what a run did. */
public final class Report {
  private static final String FIGURE = "  %-34s";

  private final Manifest manifest;
  private final String folder;
  private final PrintWriter out;

  /**
   * @param folder where the output lies, as a person writes it
   */
  public Report(Manifest manifest, String folder, PrintWriter out) {
    this.manifest = manifest;
    this.folder = folder;
    this.out = out;
  }

  /** Prints it. */
  public void print() {
    out.println();
    counts();
    speed();
    cache();
    range();
    fidelity();
    where();
    out.flush();
  }

  private void counts() {
    Manifest.Counts counts = manifest.counts();
    line(
        "proteins",
        "%,d in, %,d embedded, %,d rejected",
        counts.recordsRead(),
        counts.accepted(),
        counts.rejected());
    counts.rejectedByCode().forEach((code, rows) -> line("", "%,d %s", rows, code));
  }

  private void speed() {
    line("speed", "%,.0f tokens/s over all modes", manifest.tokensPerSecond());
    line(
        "",
        "%s",
        manifest.throughput().entrySet().stream()
            .map(
                mode ->
                    String.format(
                        Locale.ROOT,
                        "%s %,.0f",
                        mode.getKey(),
                        mode.getValue().tokensPerTaskSecond()))
            .collect(Collectors.joining(", ", "", " tokens/s a task")));
  }

  private void cache() {
    manifest
        .cache()
        .forEach(
            (mode, bytes) ->
                line(
                    "KV cache, " + mode,
                    "%s fp32, %s fp16, %s packed: %.1fx smaller than fp32, %.1fx than fp16",
                    megabytes(bytes.fp32()),
                    megabytes(bytes.fp16()),
                    megabytes(bytes.packed()),
                    bytes.ratioToFp32(),
                    bytes.ratioToFp32() / 2));
    if (manifest.calibration() != null) {
      line(
          "codec",
          "%s, calibrated on %,d proteins; tables and transforms %s",
          manifest.calibration().codec(),
          manifest.calibration().proteins(),
          megabytes(manifest.calibration().tableBytes()));
    }
  }

  private static String megabytes(long bytes) {
    return String.format(Locale.ROOT, "%,.1f MB", bytes / 1e6);
  }

  private void range() {
    manifest
        .range()
        .forEach(
            (mode, range) -> {
              if (range.alarm()) {
                line(
                    "WARNING, " + mode,
                    "%.2g of keys and values lie outside the calibrated range, where %.2g is expected"
                        + " (worst: layer %d head %d, %.2g): calibrate on proteins like these, and see"
                        + " the fidelity on held-out proteins",
                    range.share(),
                    range.expectedShare(),
                    range.worst().layer(),
                    range.worst().head(),
                    range.worst().share());
              }
            });
  }

  private void fidelity() {
    Map<String, FidelitySummary> fidelity = manifest.fidelity();
    if (fidelity.isEmpty()) {
      return;
    }
    out.println();
    out.printf(
        Locale.ROOT,
        "fidelity to full precision: means over %,d proteins that calibration did not see%n",
        manifest.counts().fidelityProteins());
    row("", mode -> mode);
    figure("attention cosine", FidelitySummary::attentionCosine);
    figure("attention NMSE", FidelitySummary::attentionNmse);
    figure("attention cosine, accumulated", FidelitySummary::accumulatedCosine);
    figure("attention NMSE, accumulated", FidelitySummary::accumulatedNmse);
    figure("hidden state cosine", FidelitySummary::hiddenCosine);
    figure("embedding cosine", FidelitySummary::embeddingCosine);
    figure("embedding NMSE", FidelitySummary::embeddingNmse);
    if (fidelity.values().stream().anyMatch(summary -> summary.kl() != null)) {
      figure("KL of the residue distribution", FidelitySummary::kl);
      figure("top-1 agreement", FidelitySummary::top1Agreement);
      figure("pseudo-perplexity", FidelitySummary::pseudoPerplexity);
      figure("pseudo-perplexity, full precision", FidelitySummary::referencePseudoPerplexity);
    }
  }

  private void figure(String name, Function<FidelitySummary, Double> value) {
    row(name, mode -> number(value.apply(manifest.fidelity().get(mode))));
  }

  private static String number(Double value) {
    if (value == null) {
      return "-";
    }
    return String.format(Locale.ROOT, value < 1000 ? "%.5f" : "%,.0f", value);
  }

  private void row(String name, Function<String, String> cell) {
    StringBuilder row = new StringBuilder(String.format(FIGURE, name));
    manifest
        .fidelity()
        .keySet()
        .forEach(mode -> row.append(String.format("%12s", cell.apply(mode))));
    out.println(row.toString().stripTrailing());
  }

  private void where() {
    out.println();
    line("output", "%s", folder);
    line(
        "read it",
        "duckdb -c \"SELECT id, mode, embedding FROM read_parquet('%s/embeddings/*/*.parquet') LIMIT 5\"",
        folder);
    line("", "spark.read.parquet(\"%s/embeddings\")", folder);
  }

  private void line(String name, String format, Object... values) {
    out.println(
        String.format(Locale.ROOT, "%-18s", name) + String.format(Locale.ROOT, format, values));
  }
}
