package org.turboesm.job.schema;

/**
 * The optional columns of an embeddings file.
 *
 * @param cls the last hidden state of {@code <cls>}
 * @param residues the last hidden state of each residue
 * @param layers the mean embedding of some layers
 */
public record EmbeddingColumns(boolean cls, boolean residues, boolean layers) {
  public static final EmbeddingColumns NONE = new EmbeddingColumns(false, false, false);
}
