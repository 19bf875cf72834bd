package org.turboesm.engine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;
import org.turboesm.kv.RandomCodec;
import org.turboesm.kv.TokenScale;

/**
 * The keys and values of all tokens that passed, over one or more passes, and the codec whose
 * tables hold exactly these, or what is left of these divided by their token's scale.
 */
public final class ObservedTokens implements ForwardObserver {
  private final EsmConfig config;
  private final List<List<float[]>> keys = new ArrayList<>();
  private final List<List<float[]>> values = new ArrayList<>();

  /** Sees no tokens yet. */
  public ObservedTokens(EsmConfig config) {
    this.config = config;
    for (int l = 0; l < config.layers(); l++) {
      keys.add(new ArrayList<>());
      values.add(new ArrayList<>());
    }
  }

  @Override
  public void attention(
      int layer, float[] queries, float[] passKeys, float[] passValues, float[] output) {
    for (int t = 0; t < passKeys.length; t += config.hiddenSize()) {
      keys.get(layer).add(Arrays.copyOfRange(passKeys, t, t + config.hiddenSize()));
      values.get(layer).add(Arrays.copyOfRange(passValues, t, t + config.hiddenSize()));
    }
  }

  /**
   * The same transforms with tables of the tokens seen, at most 256 of them.
   *
   * @param valuesAreTransformed whether the pass seen was a {@link TurboEngine}'s
   * @param bits a channel: with 8 nothing is lost
   */
  public KvCodec codec(KvCodec transforms, boolean valuesAreTransformed, int bits) {
    List<List<HeadCodec>> layers = new ArrayList<>();
    for (int l = 0; l < config.layers(); l++) {
      List<HeadCodec> heads = new ArrayList<>();
      for (int h = 0; h < config.heads(); h++) {
        HeadCodec head = transforms.head(l, h);
        Codebook keyTables = tables(keys.get(l), h, bits, head.key()::apply, false);
        Codebook valueTables =
            tables(
                values.get(l),
                h,
                bits,
                valuesAreTransformed ? this::copy : head.value()::apply,
                head.tokenScaledValues());
        heads.add(RandomCodec.withTables(head, keyTables, valueTables));
      }
      layers.add(heads);
    }
    return new KvCodec(layers, transforms.tail());
  }

  @FunctionalInterface
  private interface Transform {
    void apply(float[] x, int xOffset, float[] y, int yOffset);
  }

  private void copy(float[] x, int xOffset, float[] y, int yOffset) {
    System.arraycopy(x, xOffset, y, yOffset, config.headDim());
  }

  private Codebook tables(
      List<float[]> tokens, int head, int bits, Transform transform, boolean tokenScaled) {
    int headDim = config.headDim();
    float[][] channels = new float[headDim][tokens.size()];
    float[] transformed = new float[headDim];
    for (int t = 0; t < tokens.size(); t++) {
      transform.apply(tokens.get(t), head * headDim, transformed, 0);
      float scale = tokenScaled ? TokenScale.of(transformed, 0, headDim) : 1;
      for (int c = 0; c < headDim; c++) {
        channels[c][t] = transformed[c] / scale;
      }
    }
    return RandomCodec.holding(channels, bits);
  }
}
