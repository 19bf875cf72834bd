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
    List<CodecSpec> codecs =
        List.of(
            CodecSpec.of("default", 3, 3),
            CodecSpec.parse("default", "2", "model"),
            CodecSpec.of("paper-sign", 3, 3));
    Calibrate calibrate =
        new Calibrate(
            JavaSparkContext.fromSparkContext(spark.sparkContext()),
            engine,
            ModelIdentity.read(model));
    List<Calibration> one = calibrate.fit(codecs, sample, 1);
    assertThat(one).extracting(Calibration::spec).isEqualTo(codecs);
    for (int c = 0; c < codecs.size(); c++) {
      assertThat(one.get(c).proteinSha256()).hasSize(9);
      assertThat(one.get(c).codec().tail()).isEqualTo(codecs.get(c).tail());
      for (int partitions : List.of(2, 7)) {
        assertThat(calibrate.fit(List.of(codecs.get(c)), sample, partitions).get(0).hash())
            .as(codecs.get(c).label() + " from " + partitions + " partitions")
            .isEqualTo(one.get(c).hash());
      }
    }
  }
}
