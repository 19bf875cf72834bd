package org.turboesm.calibration;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.turboesm.calibration.CodecRecipe.Sign;
import org.turboesm.calibration.CodecRecipe.Trait;
import org.turboesm.engine.EsmEngine;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.EsmTokenizer;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.OutputGrams;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.HeadCodec;

/**
 * The steps of calibration. Two passes over the proteins, each a partition's work that merges
 * exactly, and after each a fit a layer: moments, transforms, histograms, codecs. Proteins run one
 * by one, so that no result depends on its batch-mates.
 */
public final class CalibrationPasses {
  /**
   * An importance of one counts so often. Pass 1 refuses sums of importances beyond 2^28, so counts
   * of the same proteins stay below 2^58.
   */
  private static final double COUNTS = 0x1p30;

  private CalibrationPasses() {}

  /**
   * Pass 1 over a partition.
   *
   * @param codecs to be fitted: what none of them needs is not accumulated
   * @param sequences residues, cleaned
   * @return an accumulator a layer
   * @throws org.turboesm.OutOfDeviceMemoryException if the protein taken last does not fit alone
   */
  public static List<MomentAccumulator> moments(
      EsmEngine engine, List<CodecSpec> codecs, OutputGrams grams, Iterator<String> sequences) {
    EsmConfig config = engine.config();
    boolean weighted = codecs.stream().anyMatch(CalibrationPasses::isWeighted);
    boolean plain = !codecs.stream().allMatch(CalibrationPasses::isWeighted);
    List<MomentAccumulator> layers = new ArrayList<>();
    for (int l = 0; l < config.layers(); l++) {
      layers.add(new MomentAccumulator(config.heads(), config.headDim(), plain, weighted));
    }
    forEachAttention(
        engine,
        weighted ? grams : null,
        sequences,
        (layer, queries, keys, values, importance) ->
            layers.get(layer).addProtein(queries, keys, values, importance));
    return layers;
  }

  private static boolean isWeighted(CodecSpec spec) {
    return spec.recipe().has(Trait.IMPORTANCE);
  }

  /** Fits one layer's transforms. */
  public static LayerTransforms fitTransforms(
      CodecSpec spec, int layer, MomentAccumulator moments, OutputGrams grams) {
    return new TransformFit(spec.recipe(), moments).layer(grams.layer(layer));
  }

  /**
   * Pass 2 over a partition.
   *
   * @param spec of the transforms
   * @param transforms of each layer
   * @return an accumulator a layer
   * @throws org.turboesm.OutOfDeviceMemoryException if the protein taken last does not fit alone
   */
  public static List<HistogramAccumulator> histograms(
      EsmEngine engine,
      CodecSpec spec,
      OutputGrams grams,
      List<LayerTransforms> transforms,
      Iterator<String> sequences) {
    EsmConfig config = engine.config();
    List<HistogramAccumulator> layers = new ArrayList<>();
    for (int l = 0; l < config.layers(); l++) {
      layers.add(new HistogramAccumulator(config.heads(), config.headDim()));
    }
    forEachAttention(
        engine,
        isWeighted(spec) ? grams : null,
        sequences,
        (layer, queries, keys, values, importance) ->
            addProtein(layers.get(layer), transforms.get(layer), keys, values, importance));
    return layers;
  }

  private static void addProtein(
      HistogramAccumulator histograms,
      LayerTransforms transforms,
      float[] keys,
      float[] values,
      TokenImportance importance) {
    int heads = transforms.heads().size();
    for (int h = 0; h < heads; h++) {
      HeadTransform transform = transforms.heads().get(h);
      int headDim = transform.key().size();
      float[] key = new float[headDim];
      float[] value = new float[headDim];
      for (int t = 0; t < importance.tokens(); t++) {
        int offset = (t * heads + h) * headDim;
        transform.key().apply(keys, offset, key, 0);
        transform.value().apply(values, offset, value, 0);
        histograms.add(
            h,
            transform,
            key,
            count(importance.keys(), h, t),
            value,
            count(importance.values(), h, t));
      }
    }
  }

  private static long count(float[][] importance, int head, int token) {
    return importance == null ? 1 : Math.round(importance[head][token] * COUNTS);
  }

  /** The error of each channel of one layer at each width, for {@link #allot}. */
  public static LayerDistortions distortions(
      CodecSpec spec, LayerTransforms transforms, HistogramAccumulator histograms) {
    int heads = transforms.heads().size();
    int maxBits = CodebookFit.maxBits(spec.widestMean());
    LayerDistortions layer = new LayerDistortions(new double[heads][][], new double[heads][][]);
    for (int h = 0; h < heads; h++) {
      layer.keys()[h] = keyFit(spec, transforms, histograms, h).distortions(maxBits);
      layer.values()[h] = valueFit(spec, transforms, histograms, h).distortions(maxBits);
    }
    return layer;
  }

  /** The widths of each layer's channels. */
  public static List<LayerWidths> allot(CodecSpec spec, List<LayerDistortions> layers) {
    return new WidthAllotment(spec, layers).widths();
  }

  /** Fits one layer's tables, where no bits move between layers; its codecs are whole then. */
  public static List<HeadCodec> fitCodecs(
      CodecSpec spec, LayerTransforms transforms, HistogramAccumulator histograms) {
    if (spec.allotment() == Allotment.MODEL) {
      throw new IllegalArgumentException("widths of other layers are needed");
    }
    if (spec.recipe().has(Trait.ALLOTTED)) {
      LayerDistortions distortions = distortions(spec, transforms, histograms);
      return fitCodecs(spec, transforms, histograms, allot(spec, List.of(distortions)).get(0));
    }
    int heads = transforms.heads().size();
    int headDim = transforms.heads().get(0).key().size();
    return fitCodecs(
        spec,
        transforms,
        histograms,
        LayerWidths.equal(heads, headDim, (int) spec.keyBits(), (int) spec.valueBits()));
  }

  /** Fits one layer's tables of given widths. */
  public static List<HeadCodec> fitCodecs(
      CodecSpec spec,
      LayerTransforms transforms,
      HistogramAccumulator histograms,
      LayerWidths widths) {
    boolean tokenScaled = spec.recipe().has(Trait.TOKEN_SCALED_VALUES);
    List<HeadCodec> codecs = new ArrayList<>();
    for (int h = 0; h < transforms.heads().size(); h++) {
      HeadTransform head = transforms.heads().get(h);
      int[] valueBits = widths.values()[h];
      codecs.add(
          new HeadCodec(
              head.key(),
              head.query(),
              head.value(),
              head.output(),
              keyFit(spec, transforms, histograms, h).codebook(widths.keys()[h]),
              tokenScaled
                  ? CodebookFit.tokenScaled(valueBits.length, valueBits[0])
                  : valueFit(spec, transforms, histograms, h).codebook(valueBits),
              tokenScaled,
              histograms.keyRange(h),
              histograms.valueRange(h)));
    }
    return codecs;
  }

  private static CodebookFit keyFit(
      CodecSpec spec, LayerTransforms transforms, HistogramAccumulator histograms, int head) {
    CodecRecipe recipe = spec.recipe();
    return new CodebookFit(
        recipe.tables(),
        recipe.sign(),
        histograms.keyCounts(head),
        transforms.heads().get(head).keyScales(),
        priorShare(transforms, head));
  }

  private static CodebookFit valueFit(
      CodecSpec spec, LayerTransforms transforms, HistogramAccumulator histograms, int head) {
    return new CodebookFit(
        spec.recipe().tables(),
        Sign.NONE,
        histograms.valueCounts(head),
        transforms.heads().get(head).valueScales(),
        priorShare(transforms, head));
  }

  private static double priorShare(LayerTransforms transforms, int head) {
    return (double) transforms.heads().get(head).key().size() / transforms.tokens();
  }

  /** What one layer's attention of one protein is made of. */
  @FunctionalInterface
  private interface AttentionInputs {
    void accept(
        int layer, float[] queries, float[] keys, float[] values, TokenImportance importance);
  }

  /**
   * @param grams null where all tokens count alike
   */
  private static void forEachAttention(
      EsmEngine engine, OutputGrams grams, Iterator<String> sequences, AttentionInputs action) {
    while (sequences.hasNext()) {
      TokenBatch protein = TokenBatch.of(List.of(EsmTokenizer.tokenize(sequences.next())));
      ForwardObserver observer =
          new ForwardObserver() {
            private int accepted;

            @Override
            public void attention(
                int layer, float[] queries, float[] keys, float[] values, float[] output) {
              if (layer < accepted) {
                // Of a run that ran out of memory; this one gives the same.
                return;
              }
              TokenImportance importance =
                  grams == null
                      ? TokenImportance.equal(protein.size())
                      : TokenImportance.measure(
                          grams.layer(layer),
                          queries,
                          keys,
                          values,
                          output,
                          squares(engine.projectAttention(layer, output, protein.size())),
                          protein.size());
              action.accept(layer, queries, keys, values, importance);
              accepted = layer + 1;
            }
          };
      engine.runBesideOrAlone(() -> engine.encode(protein, observer));
    }
  }

  private static double squares(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += (double) value * value;
    }
    return sum;
  }
}
