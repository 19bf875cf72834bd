package org.turboesm.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.turboesm.TurboEsmException;
import org.turboesm.udf.EngineSpec;
import org.turboesm.udf.Mode;
import org.turboesm.udf.ProteinEmbedder;

/** The embedder as users of the library call it. */
@Tag("job")
@ExtendWith(LocalSpark.class)
class ProteinEmbedderTest {
  private static final EngineSpec ENGINE =
      new EngineSpec(InProcess.goldenModel("esm_hd16"), "reference", "f32");

  @Test
  void keepsTheOtherColumnsAndAddsEmbeddings(SparkSession spark) {
    Dataset<Row> proteins =
        spark.sql(
            "SELECT * FROM VALUES (7, 'MKV', 'x'), (8, 'MKVLAAGIV', 'y') AS p(key, sequence,"
                + " note)");
    Dataset<Row> embeddings = ProteinEmbedder.builder(ENGINE).build().embed(proteins);
    assertThat(embeddings.columns()).containsExactly("key", "note", "embedding", "mode");
    List<Row> rows = embeddings.orderBy("key").collectAsList();
    assertThat(rows).hasSize(2);
    assertThat(rows.get(1).getString(1)).isEqualTo("y");
    assertThat(rows.get(1).getList(2)).hasSize(32);
    assertThat(rows.get(1).getString(3)).isEqualTo("encode");
  }

  @Test
  void saysWhatIsMissing(SparkSession spark) {
    ProteinEmbedder.Builder builder = ProteinEmbedder.builder(ENGINE);
    assertThatThrownBy(() -> builder.build().embed(spark.sql("SELECT 'MKV' AS residues")))
        .isInstanceOf(TurboEsmException.class)
        .hasMessage("the proteins have no column \"sequence\", only residues");
    assertThatThrownBy(() -> builder.modes(List.of(Mode.TURBO)).build())
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("mode turbo needs a calibration");
    assertThatThrownBy(() -> builder.layers(List.of(-4)))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("hidden states 0 to 2, or -1 to -3");
  }
}
