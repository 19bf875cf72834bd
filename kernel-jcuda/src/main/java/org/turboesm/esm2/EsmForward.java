package org.turboesm.esm2;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;
import org.turboesm.TurboEsmException;

/**
 * ESM-2's forward pass, read top to bottom (Lin et al. 2023; the reference is Hugging Face's {@code
 * EsmModel}). One pass serves every way to run a protein: what differs is the {@link
 * SelfAttention}. The weights are resident and shared; any number of threads may run it.
 */
public final class EsmForward implements AutoCloseable {
  private final EsmConfig config;
  private final EsmOperators operators;
  private final float[] wordEmbeddings;
  private final List<Layer> layers;
  private final LayerNormWeights finalNorm;
  private final Optional<LmHead> lmHead;
  private final RotaryEmbedding rotary;
  private final ResidentLinears resident;

  private record Layer(
      LayerNormWeights attentionNorm,
      Linear[] projections,
      Linear attentionOutput,
      LayerNormWeights feedForwardNorm,
      Linear intermediate,
      Linear output) {

    Layer with(Linear otherValue, Linear otherAttentionOutput) {
      return new Layer(
          attentionNorm,
          new Linear[] {projections[0], projections[1], otherValue},
          otherAttentionOutput,
          feedForwardNorm,
          intermediate,
          output);
    }
  }

  private record LmHead(Linear dense, LayerNormWeights norm, Linear decoder) {}

  /** W_v with W_o of one layer, which a codec's value transform replaces together. */
  public record ValueProjections(LinearWeights value, LinearWeights attentionOutput) {}

  /**
   * @param resident the linear layers that this pass made, and closes
   */
  private EsmForward(
      EsmConfig config,
      EsmOperators operators,
      float[] wordEmbeddings,
      List<Layer> layers,
      LayerNormWeights finalNorm,
      Optional<LmHead> lmHead,
      RotaryEmbedding rotary,
      ResidentLinears resident) {
    this.config = config;
    this.operators = operators;
    this.wordEmbeddings = wordEmbeddings;
    this.layers = layers;
    this.finalNorm = finalNorm;
    this.lmHead = lmHead;
    this.rotary = rotary;
    this.resident = resident;
  }

  /** Makes the weights resident, one tensor after the other: no more than one is held plain. */
  public static EsmForward load(EsmWeights weights, EsmOperators operators) {
    ResidentLinears resident = new ResidentLinears(operators);
    try {
      List<Layer> layers = new ArrayList<>();
      for (int i = 0; i < weights.config().layers(); i++) {
        layers.add(layer(weights, i, resident));
      }
      return new EsmForward(
          weights.config(),
          operators,
          weights.wordEmbeddings(),
          layers,
          weights.finalNorm(),
          weights.lmHead().map(head -> lmHead(head, resident)),
          new RotaryEmbedding(weights.inverseFrequency()),
          resident);
    } catch (RuntimeException e) {
      resident.close();
      throw e;
    }
  }

  private static Layer layer(EsmWeights weights, int i, ResidentLinears resident) {
    return new Layer(
        weights.attentionNorm(i),
        new Linear[] {
          resident.add(weights.query(i), Linear.Epilogue.NONE),
          resident.add(weights.key(i), Linear.Epilogue.NONE),
          resident.add(weights.value(i), Linear.Epilogue.NONE)
        },
        resident.add(weights.attentionOutput(i), Linear.Epilogue.ADD),
        weights.feedForwardNorm(i),
        resident.add(weights.intermediate(i), Linear.Epilogue.GELU),
        resident.add(weights.output(i), Linear.Epilogue.ADD));
  }

  private static LmHead lmHead(LmHeadWeights weights, ResidentLinears resident) {
    return new LmHead(
        resident.addInFullPrecision(weights.dense(), Linear.Epilogue.GELU),
        weights.norm(),
        resident.addInFullPrecision(weights.decoder(), Linear.Epilogue.NONE));
  }

  /**
   * The same pass with other value and output projections: how a codec's value transform is folded
   * in at no cost a token. The result shares the rest and must be closed before this one.
   *
   * @param fold from a layer's index and its projections to the folded ones
   */
  public EsmForward withValueProjections(
      EsmWeights weights, BiFunction<Integer, ValueProjections, ValueProjections> fold) {
    ResidentLinears folded = new ResidentLinears(operators);
    try {
      List<Layer> foldedLayers = new ArrayList<>();
      for (int i = 0; i < layers.size(); i++) {
        ValueProjections projections =
            fold.apply(i, new ValueProjections(weights.value(i), weights.attentionOutput(i)));
        foldedLayers.add(
            layers
                .get(i)
                .with(
                    folded.add(projections.value(), Linear.Epilogue.NONE),
                    folded.add(projections.attentionOutput(), Linear.Epilogue.ADD)));
      }
      return new EsmForward(
          config, operators, wordEmbeddings, foldedLayers, finalNorm, lmHead, rotary, folded);
    } catch (RuntimeException e) {
      folded.close();
      throw e;
    }
  }

  public EsmConfig config() {
    return config;
  }

  /**
   * Runs the encoder.
   *
   * @return the last hidden state, [tokens, hidden]
   */
  public float[] run(TokenBatch batch, SelfAttention attention, ForwardObserver observer) {
    int tokens = batch.size();
    int wide = tokens * config.hiddenSize();
    float[] queries = new float[wide];
    float[] keys = new float[wide];
    float[] values = new float[wide];
    float[] attended = new float[wide];
    float[][] projected = {queries, keys, values};
    float queryScale = (float) (1 / Math.sqrt(config.headDim()));

    float[] x = embed(batch);
    observer.hiddenState(0, x);
    for (int i = 0; i < layers.size(); i++) {
      Layer layer = layers.get(i);
      operators.normedLinears(
          x, tokens, layer.attentionNorm, config.layerNormEps(), layer.projections, projected);
      rotary.apply(queries, batch, config.heads(), queryScale, operators);
      rotary.apply(keys, batch, config.heads(), 1f, operators);
      attention.attend(i, queries, keys, values, attended);
      observer.attention(i, queries, keys, values, attended);
      layer.attentionOutput.apply(attended, tokens, x);

      operators.feedForward(
          x,
          tokens,
          layer.feedForwardNorm,
          config.layerNormEps(),
          layer.intermediate,
          layer.output);
      if (i + 1 < layers.size()) {
        observer.hiddenState(i + 1, x);
      }
    }
    operators.layerNorm(x, tokens, finalNorm, config.layerNormEps(), x);
    observer.hiddenState(layers.size(), x);
    return x;
  }

  /**
   * The language-model head.
   *
   * @param hidden [rows, hidden], last hidden states
   * @return [rows, vocabulary]
   * @throws TurboEsmException if the model folder holds no {@code lm_head} tensors
   */
  public float[] logits(float[] hidden, int rows) {
    LmHead head =
        lmHead.orElseThrow(
            () ->
                new TurboEsmException(
                    "the model has no lm_head tensors, so it gives no logits; use the"
                        + " EsmForMaskedLM form of its weights"));
    float[] dense = new float[rows * config.hiddenSize()];
    head.dense.apply(hidden, rows, dense);
    operators.layerNorm(dense, rows, head.norm, config.layerNormEps(), dense);
    float[] logits = new float[rows * config.vocabularySize()];
    head.decoder.apply(dense, rows, logits);
    return logits;
  }

  /**
   * W_o o + b_o of one layer.
   *
   * @param attended [rows, heads, headDim]
   * @return [rows, hidden]
   */
  public float[] projectAttention(int layer, float[] attended, int rows) {
    float[] projected = new float[rows * config.hiddenSize()];
    layers.get(layer).attentionOutput.apply(attended, rows, projected);
    return projected;
  }

  /** Whether {@link #logits} can be had. */
  public boolean hasLmHead() {
    return lmHead.isPresent();
  }

  private float[] embed(TokenBatch batch) {
    int hidden = config.hiddenSize();
    float[] x = new float[batch.size() * hidden];
    for (int s = 0; s < batch.sequences(); s++) {
      float scale = config.embeddingScale(batch.maskedFractions()[s]);
      for (int t = batch.cuSeqlens()[s]; t < batch.cuSeqlens()[s + 1]; t++) {
        int token = batch.tokens()[t];
        if (token == EsmTokenizer.MASK && config.tokenDropout()) {
          continue;
        }
        for (int c = 0; c < hidden; c++) {
          x[t * hidden + c] = wordEmbeddings[token * hidden + c] * scale;
        }
      }
    }
    return x;
  }

  @Override
  public void close() {
    resident.close();
  }
}
