package org.turboesm.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.turboesm.job.plan.ProteinPlan;

@Tag("job")
@ExtendWith(LocalSpark.class)
class ProteinPlanJobTest {

  @Test
  void partitionsHoldEqualWorkLongestFirst(SparkSession spark) {
    Dataset<Row> proteins = TestProteins.of(spark, 2000);
    ProteinPlan plan = ProteinPlan.of(proteins, 2, 10_000);
    List<List<Row>> partitions = partitions(plan.apply(proteins));
    long residues = 0;
    for (List<Row> partition : partitions) {
      residues += residues(partition);
      assertThat(partition).isSortedAccordingTo(Comparator.comparing(row -> -length(row)));
    }
    assertThat(plan.partitions()).isEqualTo((int) ((residues + 2 * 2000 + 9_999) / 10_000));
    assertThat(partitions).hasSize(plan.partitions());
    double mean = (double) residues / partitions.size();
    assertThat(partitions).allMatch(p -> residues(p) > 0.6 * mean && residues(p) < 1.4 * mean);
    assertThat(partitions.stream().flatMap(List::stream).map(row -> row.getString(0)).toList())
        .doesNotHaveDuplicates()
        .hasSize(2000);
  }

  @Test
  void fewProteinsStillFillTwoPartitionsATask(SparkSession spark) {
    Dataset<Row> proteins = TestProteins.of(spark, 40);
    ProteinPlan plan = ProteinPlan.of(proteins, 2);
    assertThat(plan.partitions()).isEqualTo(4);
    assertThat(partitions(plan.apply(proteins))).hasSize(4).noneMatch(List::isEmpty);
    Dataset<Row> one = proteins.limit(1);
    assertThat(partitions(ProteinPlan.of(one, 2).apply(one))).hasSize(1);
    Dataset<Row> none = proteins.limit(0);
    assertThat(ProteinPlan.of(none, 2).apply(none).count()).isZero();
  }

  @Test
  void thePlanDependsOnTheSetOfProteinsAlone(SparkSession spark) {
    Dataset<Row> proteins = TestProteins.of(spark, 500);
    Dataset<Row> shuffled = proteins.repartition(7).orderBy("sha256");
    assertThat(partitions(ProteinPlan.of(shuffled, 2, 5_000).apply(shuffled)))
        .isEqualTo(partitions(ProteinPlan.of(proteins, 2, 5_000).apply(proteins)));
  }

  /** Adaptive execution must not merge the small ones. */
  private static List<List<Row>> partitions(Dataset<Row> planned) {
    return new ArrayList<>(planned.javaRDD().glom().collect());
  }

  private static long residues(List<Row> partition) {
    return partition.stream().mapToLong(ProteinPlanJobTest::length).sum();
  }

  private static int length(Row protein) {
    return protein.getAs("length");
  }
}
