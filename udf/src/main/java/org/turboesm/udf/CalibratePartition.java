package org.turboesm.udf;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import org.turboesm.OutOfDeviceMemoryException;
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
      List<CodecSpec> codecs, Iterator<CalibrationProtein> proteins) {
    return run(
        proteins,
        (model, sequences) ->
            CalibrationPasses.moments(model.engine(), codecs, model.outputGrams(), sequences));
  }

  /** A pass over the sequences of a partition that gives something of each layer. */
  private interface Pass<A> {
    List<A> run(ResidentModel model, Iterator<String> sequences);
  }

  private <A> Iterator<Tuple2<Integer, A>> run(
      Iterator<CalibrationProtein> proteins, Pass<A> pass) {
    if (!proteins.hasNext()) {
      return Collections.emptyIterator();
    }
    Sequences sequences = new Sequences(proteins);
    try (Lease<ResidentModel> model = EngineHolder.lease(engine, modelHash)) {
      return byLayer(run(pass, model.value(), sequences));
    }
  }

  private static <A> List<A> run(Pass<A> pass, ResidentModel model, Sequences sequences) {
    try {
      return pass.run(model, sequences);
    } catch (OutOfDeviceMemoryException e) {
      if (sequences.last == null) {
        throw e;
      }
      throw UnfitProtein.error(
          sequences.last.id(),
          sequences.last.sequence().length(),
          "to calibrate on",
          "take it out of the input or calibrate on another input (turboesm calibrate, and run"
              + " --calibration)",
          e);
    }
  }

  /** The proteins' sequences, and which was taken last. */
  private static final class Sequences implements Iterator<String> {
    private final Iterator<CalibrationProtein> proteins;
    private CalibrationProtein last;

    Sequences(Iterator<CalibrationProtein> proteins) {
      this.proteins = proteins;
    }

    @Override
    public boolean hasNext() {
      return proteins.hasNext();
    }

    @Override
    public String next() {
      last = proteins.next();
      return last.sequence();
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
      CodecSpec codec, List<LayerTransforms> transforms, Iterator<CalibrationProtein> proteins) {
    return run(
        proteins,
        (model, sequences) ->
            CalibrationPasses.histograms(
                model.engine(), codec, model.outputGrams(), transforms, sequences));
  }

  private static <A> Iterator<Tuple2<Integer, A>> byLayer(List<A> accumulators) {
    List<Tuple2<Integer, A>> keyed = new ArrayList<>();
    for (int layer = 0; layer < accumulators.size(); layer++) {
      keyed.add(new Tuple2<>(layer, accumulators.get(layer)));
    }
    return keyed.iterator();
  }
}
