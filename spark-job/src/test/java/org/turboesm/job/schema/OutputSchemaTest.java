package org.turboesm.job.schema;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class OutputSchemaTest {
  @Test
  void optionalColumnsStandBeforeThePartitionColumn() {
    assertThat(OutputSchema.embeddings(EmbeddingColumns.NONE).fieldNames())
        .containsExactly(
            "id",
            "description",
            "sha256",
            "length",
            "nonstandard",
            "truncated",
            "embedding",
            OutputSchema.MODE);
    assertThat(OutputSchema.embeddings(new EmbeddingColumns(true, true, true)).fieldNames())
        .endsWith("embedding", "cls", "residues", "layer_embeddings", OutputSchema.MODE);
  }

  @Test
  void fidelityHasErrorsByHeadAndCosinesByPosition() {
    assertThat(OutputSchema.FIDELITY.apply("head_nmse").dataType().catalogString())
        .isEqualTo("array<array<double>>");
    assertThat(OutputSchema.FIDELITY.apply("position_tokens").dataType().catalogString())
        .isEqualTo("array<bigint>");
    assertThat(OutputSchema.FIDELITY.apply("position_cosine").dataType().catalogString())
        .isEqualTo("array<double>");
  }
}
