package org.turboesm.udf;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.junit.jupiter.api.Test;
import org.turboesm.engine.Pooling;
import org.turboesm.engine.Prefill;
import org.turboesm.esm2.EsmTokenizer;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.HeadRangeCounts;
import org.turboesm.kv.RangeCounts;

class EmbeddingRowsTest {
  private static final EngineSpec DEMO = new EngineSpec("demo", "reference", "f32");

  @Test
  void rowsCarryColumnsAndHoldWhatWasAskedFor() {
    EmbedSettings settings =
        new EmbedSettings(
            DEMO, "", List.of(Mode.ENCODE), true, true, List.of(0, 6), Prefill.parse("0.5"), 12);
    List<Row> proteins =
        List.of(
            RowFactory.create(1, "MKVLAAGIV", "a"),
            RowFactory.create(2, "MKV", "b"),
            RowFactory.create(3, "A", "c"));
    Map<Mode, ModeStatistics> counted = new EnumMap<>(Mode.class);
    List<Row> rows = new ArrayList<>();
    try (Lease<ResidentModel> model = EngineHolder.lease(DEMO);
        ModeRunner runner = new ModeRunner(settings, model.value(), null)) {
      new EmbeddingRows(
              settings,
              runner,
              proteins.iterator(),
              1,
              (mode, pass) -> counted.merge(mode, pass, ModeStatistics::plus))
          .forEachRemaining(rows::add);
      assertThat(rows).hasSize(3);
      for (int i = 0; i < 3; i++) {
        Row row = rows.get(i);
        assertThat(row.size()).isEqualTo(EmbedPartition.columns(3, settings));
        assertThat(row.get(0)).isEqualTo(i + 1);
        assertThat(row.get(1)).isEqualTo(proteins.get(i).get(2));
        String sequence = proteins.get(i).getString(1);
        TokenBatch alone = TokenBatch.of(List.of(EsmTokenizer.tokenize(sequence)));
        float[] hidden = model.value().engine().encode(alone, ForwardObserver.NONE);
        float[] mean = Pooling.mean(hidden, 0, alone.size(), 256);
        // Batch-mates change no number.
        assertThat((float[]) row.get(2)).containsExactly(mean);
        assertThat((float[]) row.get(3)).containsExactly(Pooling.cls(hidden, 0, alone.size(), 256));
        assertThat((float[][]) row.get(4)).hasDimensions(sequence.length(), 256);
        assertThat((float[]) row.<Integer, float[]>getMap(5).apply(6)).containsExactly(mean);
        assertThat(row.getMap(5).contains(0)).isTrue();
        assertThat(row.get(6)).isEqualTo("encode");
      }
    }
    ModeStatistics encode = counted.get(Mode.ENCODE);
    assertThat(encode.proteins()).isEqualTo(3);
    assertThat(encode.tokens()).isEqualTo(19);
    assertThat(encode.kvBytesFp32()).isEqualTo(19L * 6 * 2 * 256 * 4);
    assertThat(encode.kvBytesPacked()).isZero();
  }

  /** Where nothing but the mean is asked for, hidden states may stay where they are. */
  @Test
  void theMeanAloneIsThatOfTheHiddenStates() {
    EmbedSettings settings =
        new EmbedSettings(
            DEMO, "", List.of(Mode.ENCODE), false, false, List.of(), Prefill.parse("0.5"), 100);
    TokenBatch batch =
        TokenBatch.of(List.of(EsmTokenizer.tokenize("MKVLAAGIV"), EsmTokenizer.tokenize("MKV")));
    try (Lease<ResidentModel> model = EngineHolder.lease(DEMO);
        ModeRunner runner = new ModeRunner(settings, model.value(), null)) {
      HiddenStates states = runner.run(Mode.ENCODE, batch);
      assertThat(states.last()).isNull();
      assertThat(states.means())
          .containsExactly(
              Pooling.means(model.value().engine().encode(batch, ForwardObserver.NONE), batch));
    }
  }

  @Test
  void statisticsAddUp() {
    EmbedStatistics statistics = new EmbedStatistics();
    assertThat(statistics.isZero()).isTrue();
    statistics.add(Map.of(Mode.TURBO, new ModeStatistics(1, 10, 100, 4000, 400, outside(3))));
    EmbedStatistics other = statistics.copy();
    other.add(Map.of(Mode.ENCODE, new ModeStatistics(1, 5, 50, 2000, 0, RangeCounts.NONE)));
    statistics.merge(other);
    assertThat(statistics.value())
        .containsEntry(Mode.TURBO, new ModeStatistics(2, 20, 200, 8000, 800, outside(6)))
        .containsEntry(Mode.ENCODE, new ModeStatistics(1, 5, 50, 2000, 0, RangeCounts.NONE));
    statistics.reset();
    assertThat(statistics.isZero()).isTrue();
  }

  private static RangeCounts outside(long keys) {
    return new RangeCounts(
        List.of(List.of(new HeadRangeCounts(10 * keys, keys, 10 * keys, 2 * keys))));
  }
}
