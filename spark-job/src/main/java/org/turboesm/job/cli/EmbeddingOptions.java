package org.turboesm.job.cli;

import java.util.ArrayList;
import java.util.List;
import org.turboesm.TurboEsmException;
import org.turboesm.engine.Prefill;
import org.turboesm.job.action.RunSettings.EmbeddingSettings;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What a row of the output holds. */
final class EmbeddingOptions {
  private static final List<String> POOLINGS = List.of("mean", "cls", "residue");

  @Option(
      names = "--pooling",
      paramLabel = "LIST",
      description =
          "mean, cls, residue: column embedding is always the mean over the residues; cls and"
              + " residue add the columns cls and residues. Default: mean.")
  private List<String> pooling = List.of();

  @Option(
      names = "--layers",
      paramLabel = "LIST",
      description =
          "Adds column layer_embeddings with the mean embedding of these hidden states: 0 is the"
              + " embedding, -1 the last layer. Default: no such column.")
  private List<String> layers = List.of();

  @Mixin private BatchOptions batch;

  EmbeddingSettings settings(Prefill prefill) {
    List<String> poolings = Options.split(pooling);
    for (String word : poolings) {
      if (!POOLINGS.contains(word)) {
        throw new TurboEsmException(
            "unknown pooling \"" + word + "\"; known are " + String.join(", ", POOLINGS));
      }
    }
    List<Integer> indices = new ArrayList<>();
    for (String layer : Options.split(layers)) {
      try {
        indices.add(Integer.parseInt(layer));
      } catch (NumberFormatException e) {
        throw new TurboEsmException("--layers: \"" + layer + "\" is not a whole number", e);
      }
    }
    return new EmbeddingSettings(
        poolings.contains("cls"), poolings.contains("residue"), indices, prefill, batch.tokens());
  }
}
