package org.turboesm.udf;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import org.turboesm.calibration.CalibrationPasses;
import org.turboesm.calibration.CodecSpec;
import org.turboesm.calibration.HistogramAccumulator;
import org.turboesm.calibration.LayerTransforms;
import org.turboesm.calibration.MomentAccumulator;
import scala.Tuple2;

/**
 * The executors' side of calibration. Both passes give what one partition saw, keyed by layer, so
 * that no message grows with the model's depth; partitions merge exactly, in any order.
 *
 * @param engine the model and what it runs on
 * @param modelHash the driver's weights
 */
public record CalibratePartition(EngineSpec engine, String modelHash) implements Serializable {

  /**
   * Pass 1: second moments of queries, keys and values, for each layer.
   *
   * @param codecs to be fitted
   */
  public Iterator<Tuple2<Integer, MomentAccumulator>> moments(
      List<CodecSpec> codecs, Iterator<String> sequences) {
    if (!sequences.hasNext()) {
      return Collections.emptyIterator();
    }
    try (Lease<ResidentModel> model = EngineHolder.lease(engine, modelHash)) {
      return byLayer(
          CalibrationPasses.moments(
              model.value().engine(), codecs, model.value().outputGrams(), sequences));
    }
  }

  /** The eigenproblems of one layer. */
  public LayerTransforms fitTransforms(CodecSpec codec, int layer, MomentAccumulator moments) {
    try (Lease<ResidentModel> model = EngineHolder.lease(engine, modelHash)) {
      return CalibrationPasses.fitTransforms(codec, layer, moments, model.value().outputGrams());
    }
  }

  /**
   * Pass 2: histograms of the transformed channels, for each layer.
   *
   * @param codec one of those that have these transforms
   * @param transforms a value a layer
   */
  public Iterator<Tuple2<Integer, HistogramAccumulator>> histograms(
      CodecSpec codec, List<LayerTransforms> transforms, Iterator<String> sequences) {
    if (!sequences.hasNext()) {
      return Collections.emptyIterator();
    }
    try (Lease<ResidentModel> model = EngineHolder.lease(engine, modelHash)) {
      return byLayer(
          CalibrationPasses.histograms(
              model.value().engine(), codec, model.value().outputGrams(), transforms, sequences));
    }
  }

  private static <A> Iterator<Tuple2<Integer, A>> byLayer(List<A> accumulators) {
    List<Tuple2<Integer, A>> keyed = new ArrayList<>();
    for (int layer = 0; layer < accumulators.size(); layer++) {
      keyed.add(new Tuple2<>(layer, accumulators.get(layer)));
    }
    return keyed.iterator();
  }
}
