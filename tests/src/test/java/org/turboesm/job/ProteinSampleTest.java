package org.turboesm.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.turboesm.job.plan.ProteinSample;
import org.turboesm.job.schema.OutputSchema;

@Tag("job")
@ExtendWith(LocalSpark.class)
class ProteinSampleTest {

  @Test
  void fidelityNeverSeesWhatWasCalibratedOn(SparkSession spark) {
    Dataset<Row> proteins = TestProteins.of(spark, 100);
    ProteinSample calibration = ProteinSample.calibration(proteins, 50);
    ProteinSample fidelity = ProteinSample.fidelity(proteins, 1000, calibration.sha256s());
    assertThat(calibration.size()).isEqualTo(50);
    assertThat(fidelity.size()).isEqualTo(50);
    assertThat(fidelity.sha256s()).doesNotContainAnyElementsOf(calibration.sha256s()).hasSize(50);
    assertThat(ProteinSample.fidelity(proteins, 20, Set.of()).sha256s())
        .as("fidelity has a sample of its own")
        .isNotEqualTo(ProteinSample.calibration(proteins, 20).sha256s());
  }

  @ParameterizedTest
  @CsvSource({"3, 60, 1, 2", "2, 60, 1, 1", "1, 60, 1, 0", "0, 60, 0, 0", "11, 60, 5, 6"})
  void calibrationLeavesHalf(int proteins, int n, int calibrated, int left) {
    Dataset<Row> all = TestProteins.of(LocalSpark.session(), proteins);
    ProteinSample calibration = ProteinSample.calibration(all, n);
    assertThat(calibration.size()).isEqualTo(calibrated);
    assertThat(ProteinSample.fidelity(all, n, calibration.sha256s()).size()).isEqualTo(left);
  }

  @Test
  void theSampleDependsOnTheSetOfProteinsAlone(SparkSession spark) {
    Dataset<Row> proteins = TestProteins.of(spark, 200);
    List<Row> rows = new ArrayList<>(proteins.collectAsList());
    Collections.reverse(rows);
    SparkSession other = spark.newSession();
    other.conf().set("spark.sql.shuffle.partitions", 7);
    other.conf().set("spark.sql.adaptive.enabled", false);
    Dataset<Row> reversed = other.createDataFrame(rows, OutputSchema.PROTEINS).repartition(9);
    ProteinSample sample = ProteinSample.calibration(proteins, 20);
    assertThat(ProteinSample.calibration(reversed, 20)).isEqualTo(sample);
    assertThat(ProteinSample.calibration(proteins, 10).proteins())
        .as("a smaller sample is the beginning of a greater")
        .isEqualTo(sample.proteins().subList(0, 10));
  }

  @Test
  void proteinsOfTheSameResiduesCountOnce(SparkSession spark) {
    Dataset<Row> proteins =
        TestProteins.of(spark, List.of("MK", "AC", "MK", "AC", "MK", "DE", "FG"));
    ProteinSample calibration = ProteinSample.calibration(proteins, 60);
    ProteinSample fidelity = ProteinSample.fidelity(proteins, 60, calibration.sha256s());
    assertThat(calibration.size()).isEqualTo(2);
    List<String> chosen = new ArrayList<>(calibration.sequences());
    chosen.addAll(fidelity.sequences());
    assertThat(chosen).containsExactlyInAnyOrder("MK", "AC", "DE", "FG");
    Set<String> ids = new HashSet<>();
    calibration.proteins().forEach(row -> ids.add(row.getString(0)));
    fidelity.proteins().forEach(row -> ids.add(row.getString(0)));
    assertThat(ids).containsExactlyInAnyOrder("p0", "p1", "p5", "p6");
  }

  @Test
  void aSampleIsADataset(SparkSession spark) {
    ProteinSample sample = ProteinSample.calibration(TestProteins.of(spark, 20), 5);
    Dataset<Row> dataset = sample.dataset(spark);
    assertThat(dataset.schema()).isEqualTo(OutputSchema.PROTEINS);
    assertThat(dataset.collectAsList()).isEqualTo(sample.proteins());
  }
}
