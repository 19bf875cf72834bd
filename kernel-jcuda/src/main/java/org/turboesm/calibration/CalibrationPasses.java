package org.turboesm.calibration;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.turboesm.engine.EsmEngine;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.EsmTokenizer;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.LinearWeights;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.HeadCodec;

/**
 * The steps of calibration. Two passes over the proteins, each a partition's work that merges
 * exactly, and after each a fit a layer: moments, transforms, histograms, codecs. Proteins run one
 * by one, so that no result depends on its batch-mates.
 */
public final class CalibrationPasses {
  private CalibrationPasses() {}

  /**
   * Pass 1 over a partition.
   *
   * @param sequences residues, cleaned
   * @return an accumulator a layer
   */
  public static List<MomentAccumulator> moments(EsmEngine engine, Iterator<String> sequences) {
    EsmConfig config = engine.config();
    List<MomentAccumulator> layers = new ArrayList<>();
    for (int l = 0; l < config.layers(); l++) {
      layers.add(new MomentAccumulator(config.heads(), config.headDim()));
    }
    forEachAttention(
        engine,
        sequences,
        (layer, queries, keys, values, tokens) ->
            layers.get(layer).addProtein(queries, keys, values, tokens));
    return layers;
  }

  /**
   * Fits one layer's transforms.
   *
   * @param attentionOutput the layer's W_o
   */
  public static LayerTransforms fitTransforms(
      CodecSpec spec, EsmConfig config, MomentAccumulator moments, LinearWeights attentionOutput) {
    List<HeadTransform> heads = new ArrayList<>();
    for (int h = 0; h < config.heads(); h++) {
      CoordinateFit keys;
      CoordinateFit values;
      if (spec.family().errorAware()) {
        double[] keyMean = moments.keyMean(h);
        double[] valueMean = moments.valueMean(h);
        keys =
            CoordinateFit.weighted(
                moments.queryMoment(h),
                SymmetricMatrix.covariance(moments.keyMoment(h), keyMean),
                keyMean);
        values =
            CoordinateFit.weighted(
                outputGram(attentionOutput, h, config.headDim()),
                SymmetricMatrix.covariance(moments.valueMoment(h), valueMean),
                valueMean);
      } else {
        keys = CoordinateFit.singularVectors(moments.keyMoment(h));
        values = CoordinateFit.identity(moments.valueMoment(h));
      }
      heads.add(
          new HeadTransform(
              keys.map(),
              keys.dual(),
              values.map(),
              values.back(),
              keys.scales(),
              values.scales()));
    }
    return new LayerTransforms(heads);
  }

  /** W_o,h^T W_o,h of one head's columns of W_o, [headDim, headDim]. */
  private static double[][] outputGram(LinearWeights attentionOutput, int head, int headDim) {
    double[][] gram = new double[headDim][headDim];
    for (int row = 0; row < attentionOutput.outputs(); row++) {
      int offset = row * attentionOutput.inputs() + head * headDim;
      for (int i = 0; i < headDim; i++) {
        double wi = attentionOutput.weight()[offset + i];
        for (int j = 0; j < headDim; j++) {
          gram[i][j] += wi * attentionOutput.weight()[offset + j];
        }
      }
    }
    return gram;
  }

  /**
   * Pass 2 over a partition.
   *
   * @param transforms of each layer
   * @return an accumulator a layer
   */
  public static List<HistogramAccumulator> histograms(
      EsmEngine engine, List<LayerTransforms> transforms, Iterator<String> sequences) {
    EsmConfig config = engine.config();
    List<HistogramAccumulator> layers = new ArrayList<>();
    for (int l = 0; l < config.layers(); l++) {
      layers.add(new HistogramAccumulator(config.heads(), config.headDim()));
    }
    forEachAttention(
        engine,
        sequences,
        (layer, queries, keys, values, tokens) ->
            addProtein(layers.get(layer), transforms.get(layer), keys, values, tokens));
    return layers;
  }

  private static void addProtein(
      HistogramAccumulator histograms,
      LayerTransforms transforms,
      float[] keys,
      float[] values,
      int tokens) {
    int heads = transforms.heads().size();
    for (int h = 0; h < heads; h++) {
      HeadTransform transform = transforms.heads().get(h);
      int headDim = transform.key().size();
      float[] key = new float[headDim];
      float[] value = new float[headDim];
      for (int t = 0; t < tokens; t++) {
        int offset = (t * heads + h) * headDim;
        transform.key().apply(keys, offset, key, 0);
        transform.value().apply(values, offset, value, 0);
        histograms.add(h, transform, key, value);
      }
    }
  }

  /** Fits one layer's tables; with them its codecs are whole. */
  public static List<HeadCodec> fitCodecs(
      CodecSpec spec, LayerTransforms transforms, HistogramAccumulator histograms) {
    CodecFamily family = spec.family();
    List<HeadCodec> codecs = new ArrayList<>();
    for (int h = 0; h < transforms.heads().size(); h++) {
      HeadTransform head = transforms.heads().get(h);
      long[][] keyCounts = histograms.keyCounts(h);
      long[][] valueCounts = histograms.valueCounts(h);
      codecs.add(
          new HeadCodec(
              head.key(),
              head.query(),
              head.value(),
              head.output(),
              family.errorAware()
                  ? CodebookFit.allotted(keyCounts, head.keyScales(), spec.keyBits())
                  : CodebookFit.shared(
                      keyCounts, head.keyScales()[0], spec.keyBits(), family.residualSign()),
              family.errorAware()
                  ? CodebookFit.allotted(valueCounts, head.valueScales(), spec.valueBits())
                  : CodebookFit.shared(valueCounts, head.valueScales()[0], spec.valueBits(), false),
              false));
    }
    return codecs;
  }

  /** What one layer's attention of one protein is made of. */
  @FunctionalInterface
  private interface AttentionInputs {
    void accept(int layer, float[] queries, float[] keys, float[] values, int tokens);
  }

  private static void forEachAttention(
      EsmEngine engine, Iterator<String> sequences, AttentionInputs action) {
    while (sequences.hasNext()) {
      TokenBatch protein = TokenBatch.of(List.of(EsmTokenizer.tokenize(sequences.next())));
      engine.encode(
          protein,
          new ForwardObserver() {
            @Override
            public void attention(
                int layer, float[] queries, float[] keys, float[] values, float[] output) {
              action.accept(layer, queries, keys, values, protein.size());
            }
          });
    }
  }
}
