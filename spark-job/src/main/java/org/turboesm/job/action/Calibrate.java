package org.turboesm.job.action;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.Function2;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.storage.StorageLevel;
import org.turboesm.TurboEsmException;
import org.turboesm.calibration.Allotment;
import org.turboesm.calibration.Calibration;
import org.turboesm.calibration.CalibrationPasses;
import org.turboesm.calibration.CodecSpec;
import org.turboesm.calibration.HistogramAccumulator;
import org.turboesm.calibration.LayerDistortions;
import org.turboesm.calibration.LayerTransforms;
import org.turboesm.calibration.LayerWidths;
import org.turboesm.calibration.MomentAccumulator;
import org.turboesm.job.plan.ProteinSample;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;
import org.turboesm.udf.CalibratePartition;
import org.turboesm.udf.CalibrationProtein;
import org.turboesm.udf.EngineSpec;
import org.turboesm.udf.ModelIdentity;
import org.turboesm.udf.ModelStage;
import scala.Tuple2;

/**
 * Fits codecs to a model, on the executors: two passes over the calibration proteins, each reduced
 * by layer, and each layer's eigenproblems and tables solved in its reduce task. Codecs share the
 * first pass, and those of the same coordinates the second. The result is the same to the bit for
 * any number of partitions, for accumulators merge exactly.
 */
public final class Calibrate {
  private final JavaSparkContext spark;
  private final ModelIdentity model;
  private final CalibratePartition partition;
  private final ModelStage stage;

  /**
   * @param model the driver's
   */
  public Calibrate(JavaSparkContext spark, EngineSpec engine, ModelIdentity model) {
    this.spark = spark;
    this.model = model;
    this.partition = new CalibratePartition(engine, model.hash());
    this.stage = ModelStage.of(spark.sc(), engine);
  }

  /** Fits one codec. */
  public Calibration fit(CodecSpec codec, ProteinSample sample) {
    return fit(List.of(codec), sample).get(0);
  }

  /**
   * Fits codecs, in as many tasks as the proteins can make good use of.
   *
   * @return in the order of the codecs
   */
  public List<Calibration> fit(List<CodecSpec> codecs, ProteinSample sample) {
    return fit(codecs, sample, Math.min(sample.size(), 4 * spark.defaultParallelism()));
  }

  /**
   * Fits codecs.
   *
   * @param partitions how many tasks share the proteins
   * @return in the order of the codecs
   */
  public List<Calibration> fit(List<CodecSpec> codecs, ProteinSample sample, int partitions) {
    if (sample.size() == 0) {
      throw new TurboEsmException("there is no protein to calibrate on");
    }
    codecs.forEach(codec -> codec.requireHeadDim(model.config().headDim()));
    JavaRDD<CalibrationProtein> proteins = spark.parallelize(proteins(sample), partitions);
    int reducers = Math.min(model.config().layers(), partitions);
    // Locals, so that tasks do not carry this object, which holds the Spark context.
    CalibratePartition pass = partition;
    JavaPairRDD<Integer, MomentAccumulator> moments =
        stage
            .place(proteins.mapPartitionsToPair(part -> pass.moments(codecs, part)))
            .reduceByKey(MomentAccumulator::merge, reducers)
            .persist(StorageLevel.MEMORY_AND_DISK());
    Map<CodecSpec, KvCodec> fitted = new LinkedHashMap<>();
    try {
      for (CodecSpec codec : codecs) {
        if (!fitted.containsKey(codec)) {
          List<CodecSpec> alike =
              codecs.stream().distinct().filter(codec::sharesTransforms).toList();
          fitted.putAll(fitAlike(alike, moments, proteins, reducers));
        }
      }
    } finally {
      moments.unpersist();
    }
    long tokens = sample.sequences().stream().mapToLong(sequence -> sequence.length() + 2L).sum();
    return codecs.stream()
        .map(
            codec ->
                new Calibration(
                    codec,
                    model.hash(),
                    List.copyOf(sample.sha256s()),
                    tokens,
                    fitted.get(codec),
                    null))
        .toList();
  }

  private static List<CalibrationProtein> proteins(ProteinSample sample) {
    return sample.proteins().stream()
        .map(row -> new CalibrationProtein(row.getAs("id"), row.getAs("sequence")))
        .toList();
  }

  /** Fits codecs of the same coordinates. */
  private Map<CodecSpec, KvCodec> fitAlike(
      List<CodecSpec> codecs,
      JavaPairRDD<Integer, MomentAccumulator> moments,
      JavaRDD<CalibrationProtein> proteins,
      int reducers) {
    CalibratePartition pass = partition;
    CodecSpec first = codecs.get(0);
    List<LayerTransforms> transforms =
        inOrder(stage, moments, (layer, of) -> pass.fitTransforms(first, layer, of));
    Broadcast<List<LayerTransforms>> shared = spark.broadcast(transforms);
    JavaPairRDD<Integer, HistogramAccumulator> histograms =
        stage
            .place(
                proteins.mapPartitionsToPair(part -> pass.histograms(first, shared.value(), part)))
            .reduceByKey(HistogramAccumulator::merge, reducers);
    if (codecs.size() > 1) {
      histograms.persist(StorageLevel.MEMORY_AND_DISK());
    }
    Map<CodecSpec, KvCodec> fitted = new LinkedHashMap<>();
    try {
      for (CodecSpec codec : codecs) {
        fitted.put(codec, new KvCodec(heads(codec, shared, histograms), codec.tail()));
      }
    } finally {
      histograms.unpersist();
      shared.destroy();
    }
    return fitted;
  }

  private List<List<HeadCodec>> heads(
      CodecSpec codec,
      Broadcast<List<LayerTransforms>> transforms,
      JavaPairRDD<Integer, HistogramAccumulator> histograms) {
    if (codec.allotment() != Allotment.MODEL) {
      return inOrder(
          histograms,
          (layer, of) -> CalibrationPasses.fitCodecs(codec, transforms.value().get(layer), of));
    }
    List<LayerDistortions> distortions =
        inOrder(
            histograms,
            (layer, of) -> CalibrationPasses.distortions(codec, transforms.value().get(layer), of));
    List<LayerWidths> widths = CalibrationPasses.allot(codec, distortions);
    return inOrder(
        histograms,
        (layer, of) ->
            CalibrationPasses.fitCodecs(
                codec, transforms.value().get(layer), of, widths.get(layer)));
  }

  /** What each layer gives, computed on the executors, by layer. */
  private <A, T> List<T> inOrder(JavaPairRDD<Integer, A> layers, Function2<Integer, A, T> fit) {
    return inOrder(byLayer(layers, fit));
  }

  /** The same of what needs the model. */
  private <A, T> List<T> inOrder(
      ModelStage modelStage, JavaPairRDD<Integer, A> layers, Function2<Integer, A, T> fit) {
    return inOrder(modelStage.place(byLayer(layers, fit)));
  }

  private static <A, T> JavaPairRDD<Integer, T> byLayer(
      JavaPairRDD<Integer, A> layers, Function2<Integer, A, T> fit) {
    return layers.mapToPair(layer -> new Tuple2<>(layer._1(), fit.call(layer._1(), layer._2())));
  }

  private <T> List<T> inOrder(JavaPairRDD<Integer, T> layers) {
    Map<Integer, T> byLayer = layers.collectAsMap();
    List<T> ordered = new ArrayList<>(new TreeMap<>(byLayer).values());
    if (ordered.size() != model.config().layers()) {
      throw new IllegalStateException(
          "calibration gave " + ordered.size() + " layers of " + model.config().layers());
    }
    return ordered;
  }
}
