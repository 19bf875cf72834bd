package org.turboesm.job.plan;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProteinPlanTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0, 4, 1", // never none
    "3, 900, 4, 3", // no more than proteins
    "100, 3000, 4, 8", // two a task
    "10000, 3000000, 4, 3000", // tokens over the target
    "10000, 3000001, 4, 3001", // rounded up
    "100000000, 35000000000, 4, 100000", // the most
  })
  void partitionsFollowTheTargetAndTheParallelism(
      long proteins, long tokens, int parallelism, int expected) {
    assertThat(ProteinPlan.partitions(proteins, tokens, parallelism, 1000)).isEqualTo(expected);
  }

  @Test
  void distinctLengthsAreDealtThereAndBack() {
    List<Row> histogram = new ArrayList<>();
    for (int length = 16; length > 0; length--) {
      histogram.add(RowFactory.create(length, 1L));
    }
    ProteinPlan.Deal deal = new ProteinPlan.Deal(LengthRanks.of(histogram), 4);
    long[] residues = new long[4];
    for (int length = 16; length > 0; length--) {
      residues[deal.call(length, -1L)] += length;
    }
    assertThat(residues).containsOnly(34L);
  }

  @Test
  void aLengthOfManyProteinsIsSpreadByHash() {
    List<Row> histogram = List.of(RowFactory.create(9, 10L), RowFactory.create(5, 10_000L));
    LengthRanks ranks = LengthRanks.of(histogram);
    Random random = new Random(1);
    int[] count = new int[10];
    for (int i = 0; i < 10_000; i++) {
      long rank = ranks.rank(5, random.nextLong());
      assertThat(rank).isBetween(10L, 10_009L);
      count[(int) (rank - 10) / 1000]++;
    }
    assertThat(Arrays.stream(count)).allMatch(n -> n > 850 && n < 1150);
  }

  @Test
  void aLengthThatTheHistogramLacksHasARank() {
    LengthRanks ranks =
        LengthRanks.of(List.of(RowFactory.create(9, 10L), RowFactory.create(5, 10L)));
    assertThat(ranks.rank(20, 0)).isEqualTo(0);
    assertThat(ranks.rank(7, 0)).isEqualTo(10);
    assertThat(ranks.rank(1, -1)).isEqualTo(19);
    assertThat(LengthRanks.of(List.of()).rank(7, 0)).isEqualTo(0);
  }
}
