package org.turboesm.job.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.turboesm.calibration.CodecSpec;
import org.turboesm.engine.MemoryPlan;
import org.turboesm.engine.MemoryPlan.Part;

/**
 * What a run wants of one GPU's memory.
 *
 * @param available of the GPU
 * @param reserve bytes that stay free
 * @param batchTokens tokens run at once
 * @param kvTokens tokens cached at once; 0 where no mode has a cache
 * @param kvProteins the proteins that they are of
 * @param codec what they are packed by
 */
record MemoryDemand(
    MemoryPlan plan,
    long available,
    long reserve,
    int batchTokens,
    int kvTokens,
    int kvProteins,
    CodecSpec codec) {

  /** All that does not grow with the batch. */
  long fixed() {
    return reserve
        + plan.weightBytes()
        + workspaces().bytes()
        + cache().stream().mapToLong(Part::bytes).sum();
  }

  /** What it takes together. */
  long total() {
    return fixed() + activations();
  }

  long largestBatch() {
    return plan.largestBatch(available - fixed());
  }

  boolean fits() {
    return total() <= available;
  }

  private long activations() {
    return batchTokens * plan.activationBytesPerToken();
  }

  private Part workspaces() {
    return new Part("cuBLAS's workspaces", MemoryPlan.workspaceBytes(kvTokens > 0));
  }

  private List<Part> cache() {
    if (kvTokens == 0) {
      return List.of();
    }
    List<Part> parts = new ArrayList<>();
    parts.add(new Part("W_v W_o with the codec folded in", plan.foldedBytes()));
    parts.add(new Part("the codec's maps", plan.codecMapBytes()));
    parts.add(
        new Part(
            "its look-up tables, at most",
            plan.codecTableBytes(codec.packedBits(), codec.widestCode())));
    parts.add(
        new Part(
            String.format(
                Locale.ROOT,
                "KV cache, %,d tokens, packed to %s bits",
                kvTokens,
                CodecSpec.number(codec.packedBits() / 2)),
            plan.packedKvBytes(kvTokens, kvProteins, codec.packedBits())));
    if (codec.tokenScaledValues()) {
      parts.add(new Part("its values' scales", plan.valueScaleBytes(kvTokens, kvProteins)));
    }
    if (codec.tail()) {
      parts.add(
          new Part(
              String.format(Locale.ROOT, "its full-precision tails, %,d proteins", kvProteins),
              plan.tailBytes(kvProteins)));
    }
    return parts;
  }

  /** The table, line by line. */
  List<String> lines() {
    List<String> lines = new ArrayList<>();
    plan.weights().forEach(part -> lines.add(line("  " + part.name(), part.bytes())));
    lines.add(line("weights, " + plan.precision().label(), plan.weightBytes()));
    lines.add(line(workspaces().name(), workspaces().bytes()));
    cache().forEach(part -> lines.add(line(part.name(), part.bytes())));
    lines.add(
        line(
            String.format(
                Locale.ROOT,
                "batch, %,d tokens of %,d bytes",
                batchTokens,
                plan.activationBytesPerToken()),
            activations()));
    lines.add(line("reserve", reserve));
    lines.add(line("together", total()));
    lines.add(line("GPU memory", available));
    lines.add(line(fits() ? "left" : "missing", Math.abs(available - total())));
    if (kvTokens > 0) {
      lines.add(line("(the cache unpacked, as floats)", plan.fullKvBytes(kvTokens)));
    }
    lines.add(String.format(Locale.ROOT, "%-52s%,12d tokens", "largest batch", largestBatch()));
    return lines;
  }

  private static String line(String name, long bytes) {
    return String.format(Locale.ROOT, "%-52s%,12.1f MiB", name, bytes / (double) (1 << 20));
  }
}
