package org.turboesm.calibration;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.BiFunction;
import org.turboesm.engine.EsmEngine;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.OutputGrams;
import org.turboesm.kv.KvCodec;

/** Calibration in one process: the passes over given partitions, merged in the order given. */
public final class FittedCalibration {
  private FittedCalibration() {}

  /** The codec that partitions of proteins give. */
  public static KvCodec codec(
      EsmEngine engine, EsmWeights weights, CodecSpec spec, List<List<String>> partitions) {
    OutputGrams grams = new OutputGrams(engine.config(), weights::attentionOutput);
    List<MomentAccumulator> moments =
        merged(
            partitions,
            (e, proteins) -> CalibrationPasses.moments(e, List.of(spec), grams, proteins),
            MomentAccumulator::merge,
            engine);
    List<LayerTransforms> transforms = new ArrayList<>();
    for (int l = 0; l < moments.size(); l++) {
      transforms.add(CalibrationPasses.fitTransforms(spec, l, moments.get(l), grams));
    }
    List<HistogramAccumulator> histograms =
        merged(
            partitions,
            (e, proteins) -> CalibrationPasses.histograms(e, spec, grams, transforms, proteins),
            HistogramAccumulator::merge,
            engine);
    return new KvCodec(LocalCalibration.heads(spec, transforms, histograms), spec.tail());
  }

  private static <A> List<A> merged(
      List<List<String>> partitions,
      BiFunction<EsmEngine, Iterator<String>, List<A>> pass,
      BiFunction<A, A, A> merge,
      EsmEngine engine) {
    List<A> total = null;
    for (List<String> partition : partitions) {
      List<A> part = pass.apply(engine, partition.iterator());
      if (total == null) {
        total = part;
      } else {
        for (int l = 0; l < part.size(); l++) {
          total.set(l, merge.apply(total.get(l), part.get(l)));
        }
      }
    }
    return total;
  }
}
