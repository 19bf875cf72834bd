package org.turboesm.job.action;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.turboesm.TurboEsmException;
import org.turboesm.calibration.Calibration;
import org.turboesm.calibration.CalibrationPasses;
import org.turboesm.calibration.CodecSpec;
import org.turboesm.calibration.HistogramAccumulator;
import org.turboesm.calibration.LayerTransforms;
import org.turboesm.calibration.MomentAccumulator;
import org.turboesm.job.plan.ProteinSample;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;
import org.turboesm.udf.CalibratePartition;
import org.turboesm.udf.EngineSpec;
import org.turboesm.udf.ModelIdentity;
import scala.Tuple2;

/**
 * Fits a codec to a model, on the executors: two passes over the calibration proteins, each reduced
 * by layer, and each layer's eigenproblems and tables solved in its reduce task. The result is the
 * same to the bit for any number of partitions, for accumulators merge exactly.
 */
public final class Calibrate {
  private final JavaSparkContext spark;
  private final ModelIdentity model;
  private final CodecSpec codec;
  private final CalibratePartition partition;

  /**
   * @param model the driver's
   * @param codec what to fit
   */
  public Calibrate(
      JavaSparkContext spark, EngineSpec engine, ModelIdentity model, CodecSpec codec) {
    this.spark = spark;
    this.model = model;
    this.codec = codec;
    this.partition = new CalibratePartition(engine, model.hash(), codec);
  }

  /**
   * Fits the codec.
   *
   * @param partitions how many tasks share the proteins
   */
  public Calibration fit(ProteinSample sample, int partitions) {
    if (sample.size() == 0) {
      throw new TurboEsmException("there is no protein to calibrate on");
    }
    JavaRDD<String> sequences = spark.parallelize(sample.sequences(), partitions);
    int layers = model.config().layers();
    List<LayerTransforms> transforms = inOrder(transforms(sequences, Math.min(layers, partitions)));
    Broadcast<List<LayerTransforms>> shared = spark.broadcast(transforms);
    List<List<HeadCodec>> codecs = inOrder(codecs(sequences, shared, Math.min(layers, partitions)));
    shared.destroy();
    return new Calibration(
        codec,
        model.hash(),
        List.copyOf(sample.sha256s()),
        sample.sequences().stream().mapToLong(sequence -> sequence.length() + 2L).sum(),
        new KvCodec(codecs, codec.tail()),
        null);
  }

  private Map<Integer, LayerTransforms> transforms(JavaRDD<String> sequences, int reducers) {
    // Locals, so that tasks do not carry this object, which holds the Spark context.
    CalibratePartition pass = partition;
    JavaPairRDD<Integer, MomentAccumulator> moments =
        sequences
            .mapPartitionsToPair(pass::moments)
            .reduceByKey(MomentAccumulator::merge, reducers);
    return moments
        .mapToPair(layer -> new Tuple2<>(layer._1(), pass.fitTransforms(layer._1(), layer._2())))
        .collectAsMap();
  }

  private Map<Integer, List<HeadCodec>> codecs(
      JavaRDD<String> sequences, Broadcast<List<LayerTransforms>> transforms, int reducers) {
    CalibratePartition pass = partition;
    CodecSpec spec = codec;
    JavaPairRDD<Integer, HistogramAccumulator> histograms =
        sequences
            .mapPartitionsToPair(part -> pass.histograms(transforms.value(), part))
            .reduceByKey(HistogramAccumulator::merge, reducers);
    return histograms
        .mapToPair(
            layer ->
                new Tuple2<>(
                    layer._1(),
                    CalibrationPasses.fitCodecs(
                        spec, transforms.value().get(layer._1()), layer._2())))
        .collectAsMap();
  }

  private <T> List<T> inOrder(Map<Integer, T> byLayer) {
    List<T> ordered = new ArrayList<>(new TreeMap<>(byLayer).values());
    if (ordered.size() != model.config().layers()) {
      throw new IllegalStateException(
          "calibration gave " + ordered.size() + " layers of " + model.config().layers());
    }
    return ordered;
  }
}
