package org.turboesm.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.turboesm.calibration.Calibration;
import org.turboesm.calibration.CodecSpec;
import org.turboesm.job.action.Calibrate;
import org.turboesm.job.plan.ProteinSample;
import org.turboesm.udf.EngineSpec;
import org.turboesm.udf.ModelIdentity;

@Tag("job")
@ExtendWith(LocalSpark.class)
class CalibrateTest {

  @Test
  void isTheSameToTheBitForAnyNumberOfPartitions(SparkSession spark) {
    String model = InProcess.goldenModel("esm_hd16");
    EngineSpec engine = new EngineSpec(model, "reference", "f32");
    ProteinSample sample = ProteinSample.calibration(TestProteins.of(spark, 30), 9);
    for (String codec : List.of("default", "paper-sign")) {
      Calibrate calibrate =
          new Calibrate(
              JavaSparkContext.fromSparkContext(spark.sparkContext()),
              engine,
              ModelIdentity.read(model),
              CodecSpec.parse(codec, "3"));
      Calibration one = calibrate.fit(sample, 1);
      assertThat(one.proteinSha256()).hasSize(9);
      assertThat(one.codec().tail()).isEqualTo(codec.equals("default"));
      for (int partitions : List.of(2, 7)) {
        assertThat(calibrate.fit(sample, partitions).hash()).isEqualTo(one.hash());
      }
    }
  }
}
