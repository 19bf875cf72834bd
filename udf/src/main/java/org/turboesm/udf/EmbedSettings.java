package org.turboesm.udf;

import java.io.Serializable;
import java.util.List;
import org.turboesm.engine.Prefill;

/**
 * What an executor makes of each protein.
 *
 * @param engine the model and what it runs on
 * @param modelHash the driver's weights
 * @param modes a row each
 * @param cls whether rows hold the last hidden state of {@code <cls>}
 * @param residues whether rows hold the last hidden state of each residue
 * @param layers indices of the hidden states, 0 to layers, whose mean embeddings rows hold; empty
 *     for none
 * @param prefill of mode {@code decode}
 * @param batchTokens tokens that are run at once; a longer protein is run alone
 */
public record EmbedSettings(
    EngineSpec engine,
    String modelHash,
    List<Mode> modes,
    boolean cls,
    boolean residues,
    List<Integer> layers,
    Prefill prefill,
    int batchTokens)
    implements Serializable {

  public EmbedSettings {
    modes = List.copyOf(modes);
    layers = List.copyOf(layers);
    if (modes.isEmpty()) {
      throw new IllegalArgumentException("no mode");
    }
    if (batchTokens < 1) {
      throw new IllegalArgumentException("batchTokens is " + batchTokens);
    }
  }
}
