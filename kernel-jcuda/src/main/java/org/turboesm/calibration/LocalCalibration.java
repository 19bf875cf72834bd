package org.turboesm.calibration;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.turboesm.engine.EsmEngine;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.OutputGrams;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;

/**
 * Calibration in one process, without Spark: the same passes and the same result. The first pass is
 * run once, the second once for each set of coordinates that is asked for.
 */
public final class LocalCalibration {
  /** Codecs of both kinds, those that weigh tokens and those that do not. */
  private static final List<CodecSpec> ANY =
      List.of(CodecSpec.of("default", 3, 3), CodecSpec.of("paper", 3, 3));

  private final EsmEngine engine;
  private final OutputGrams grams;
  private final List<String> sequences;
  private final List<MomentAccumulator> moments;
  private final Map<CodecSpec, Coordinated> coordinated = new LinkedHashMap<>();

  /** What codecs of the same coordinates share. */
  private record Coordinated(
      List<LayerTransforms> transforms, List<HistogramAccumulator> histograms) {}

  /**
   * Runs the first pass.
   *
   * @param sequences residues, cleaned
   */
  public LocalCalibration(EsmEngine engine, EsmWeights weights, List<String> sequences) {
    this.engine = engine;
    this.grams = new OutputGrams(engine.config(), weights::attentionOutput);
    this.sequences = List.copyOf(sequences);
    this.moments = CalibrationPasses.moments(engine, ANY, grams, sequences.iterator());
  }

  /** Fits a codec. */
  public KvCodec fit(CodecSpec spec) {
    Coordinated shared =
        coordinated.keySet().stream()
            .filter(spec::sharesTransforms)
            .findFirst()
            .map(coordinated::get)
            .orElseGet(() -> coordinate(spec));
    return new KvCodec(heads(spec, shared.transforms, shared.histograms), spec.tail());
  }

  private Coordinated coordinate(CodecSpec spec) {
    List<LayerTransforms> transforms = new ArrayList<>();
    for (int l = 0; l < moments.size(); l++) {
      transforms.add(CalibrationPasses.fitTransforms(spec, l, moments.get(l), grams));
    }
    Coordinated result =
        new Coordinated(
            transforms,
            CalibrationPasses.histograms(engine, spec, grams, transforms, sequences.iterator()));
    coordinated.put(spec, result);
    return result;
  }

  /** The codecs of all layers. */
  static List<List<HeadCodec>> heads(
      CodecSpec spec, List<LayerTransforms> transforms, List<HistogramAccumulator> histograms) {
    List<LayerWidths> widths = new ArrayList<>();
    if (spec.allotment() == Allotment.MODEL) {
      List<LayerDistortions> distortions = new ArrayList<>();
      for (int l = 0; l < transforms.size(); l++) {
        distortions.add(CalibrationPasses.distortions(spec, transforms.get(l), histograms.get(l)));
      }
      widths = CalibrationPasses.allot(spec, distortions);
    }
    List<List<HeadCodec>> heads = new ArrayList<>();
    for (int l = 0; l < transforms.size(); l++) {
      heads.add(
          widths.isEmpty()
              ? CalibrationPasses.fitCodecs(spec, transforms.get(l), histograms.get(l))
              : CalibrationPasses.fitCodecs(
                  spec, transforms.get(l), histograms.get(l), widths.get(l)));
    }
    return heads;
  }
}
