package org.turboesm.fidelity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.BiFunction;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.calibration.CodecSpec;
import org.turboesm.calibration.FittedCalibration;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.KvPrecision;
import org.turboesm.engine.LockstepDecoder;
import org.turboesm.engine.ObservedTokens;
import org.turboesm.engine.Prefill;
import org.turboesm.engine.RandomProteins;
import org.turboesm.engine.TurboEngine;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.OutputGrams;
import org.turboesm.esm2.RandomEsmModel;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;
import org.turboesm.kv.RandomCodec;

class FidelityProbeTest {
  private static final long SEED = 23;
  private static final Prefill HALF = Prefill.parse("0.5");
  private static final EsmConfig CONFIG = RandomEsmModel.config(3, 2, 16);
  private static EsmWeights weights;
  private static EsmEngine engine;
  private static TokenBatch batch;

  @BeforeAll
  static void open(@TempDir Path folder) {
    RandomEsmModel.of(CONFIG, SEED).write(folder);
    weights = EsmWeights.open(folder);
    engine = EsmEngines.open("reference", "f32", weights);
    batch = TokenBatch.of(proteins(new SplittableRandom(SEED), 40, 3, 75));
  }

  @AfterAll
  static void close() {
    engine.close();
    weights.close();
  }

  private static List<int[]> proteins(SplittableRandom random, int... lengths) {
    List<int[]> proteins = new ArrayList<>();
    for (int length : lengths) {
      proteins.add(RandomProteins.tokens(random, length));
    }
    return proteins;
  }

  private static KvCodec codec(String name, int bits) {
    SplittableRandom random = new SplittableRandom(SEED + 1);
    List<String> calibration = new ArrayList<>();
    for (int p = 0; p < 12; p++) {
      StringBuilder residues = new StringBuilder();
      for (int i = 0; i < 30; i++) {
        residues.append("LAGVSERTIDPKQNFYMHWC".charAt(random.nextInt(20)));
      }
      calibration.add(residues.toString());
    }
    return FittedCalibration.codec(
        engine, weights, CodecSpec.of(name, bits, bits), List.of(calibration));
  }

  private static List<ProteinFidelity> turbo(KvCodec codec) {
    try (TurboEngine turbo = engine.turbo(codec)) {
      return new FidelityProbe(
              engine, turbo, codec, new OutputGrams(weights.config(), weights::attentionOutput))
          .turbo(batch);
    }
  }

  private static List<ProteinFidelity> decode(KvCodec codec, Prefill prefill) {
    try (TurboEngine turbo = engine.turbo(codec)) {
      return new FidelityProbe(
              engine, turbo, codec, new OutputGrams(weights.config(), weights::attentionOutput))
          .decode(batch, prefill);
    }
  }

  @Test
  void moreBitsAreCloserInEveryFigure() {
    KvCodec coarse = codec("default", 1);
    KvCodec fine = codec("default", 6);
    List<ProteinFidelity> pairs = new ArrayList<>();
    pairs.addAll(turbo(coarse));
    pairs.addAll(decode(coarse, HALF));
    List<ProteinFidelity> closer = new ArrayList<>();
    closer.addAll(turbo(fine));
    closer.addAll(decode(fine, HALF));
    for (int i = 0; i < pairs.size(); i++) {
      ProteinFidelity few = pairs.get(i);
      ProteinFidelity many = closer.get(i);
      for (int layer = 0; layer < CONFIG.layers(); layer++) {
        assertThat(many.attention().nmse()[layer]).isLessThan(few.attention().nmse()[layer] + 1e-9);
        assertThat(many.attention().cosineMean()[layer]).isGreaterThan(0.99);
      }
      assertThat(many.hiddenNmse()).isLessThan(few.hiddenNmse() + 1e-9);
      assertThat(many.hiddenCosineMean()).isGreaterThan(0.999);
      assertThat(many.kl()).isLessThan(few.kl() + 1e-9);
      assertThat(many.kvBytesPacked()).isGreaterThanOrEqualTo(few.kvBytesPacked());
    }
  }

  /** The default codec has a transform of its own for each head. */
  @ParameterizedTest
  @ValueSource(strings = {"paper", "default"})
  void inTheFirstLayerNothingHasAccumulatedYet(String name) {
    KvCodec codec = codec(name, 2);
    List<ProteinFidelity> all = new ArrayList<>(turbo(codec));
    all.addAll(decode(codec, HALF));
    for (ProteinFidelity fidelity : all) {
      // The two runs share the first layer's inputs; W_v and W_o are folded in one of them alone.
      // bfloat16 values add a relative mean square of 1.3e-6 to one, by Cauchy and Schwarz at most
      // 2 sqrt(nmse * 1.3e-6) to an NMSE, which is below 0.2 here.
      assertThat(fidelity.accumulated().nmse()[0])
          .isCloseTo(fidelity.attention().nmse()[0], within(1e-3));
      assertThat(fidelity.accumulated().cosineMin()[0])
          .isCloseTo(fidelity.attention().cosineMin()[0], within(1e-3));
    }
  }

  @Test
  void figuresAreOrdered() {
    for (ProteinFidelity fidelity : turbo(codec("default", 2))) {
      for (int layer = 0; layer < CONFIG.layers(); layer++) {
        assertThat(fidelity.attention().cosineMin()[layer])
            .isLessThanOrEqualTo(fidelity.attention().cosineP1()[layer]);
        assertThat(fidelity.attention().cosineP1()[layer])
            .isLessThanOrEqualTo(fidelity.attention().cosineMean()[layer] + 1e-12);
      }
    }
  }

  @Test
  void bytesAreThoseOfTheLayout() {
    ProteinFidelity fidelity = turbo(codec("default", 3)).get(0);
    int layers = CONFIG.layers();
    int hidden = CONFIG.hiddenSize();
    assertThat(fidelity.kvBytesFp32()).isEqualTo(2L * 4 * 40 * layers * hidden);
    assertThat(fidelity.kvBytesFp16()).isEqualTo(2L * 2 * 40 * layers * hidden);
    // 40 tokens take two blocks of 32, at three bits a key and three a value.
    assertThat(fidelity.kvBytesPacked()).isEqualTo(64L * 6 / 8 * layers * hidden);
  }

  @Test
  void decodeCountsItsTail() {
    ProteinFidelity fidelity = decode(codec("default", 3), HALF).get(0);
    int layers = CONFIG.layers();
    int hidden = CONFIG.hiddenSize();
    assertThat(fidelity.kvBytesPacked()).isEqualTo((32L * 6 / 8 + 8L * 2 * 4) * layers * hidden);
  }

  @Test
  void aWholePrefillLeavesNothingToDecode() {
    assertThat(decode(codec("default", 3), Prefill.parse("1.0")).get(0).hiddenCosineMean()).isNaN();
  }

  @Test
  void aWholePrefillLeavesNoHeadAndNoPosition() {
    ProteinFidelity fidelity = decode(codec("default", 3), Prefill.parse("1.0")).get(0);
    assertThat(fidelity.positions().tokens()).containsOnly(0);
    assertThat(fidelity.positions().cosineMean()).containsOnly(Double.NaN);
    for (double[] layer : fidelity.headNmse()) {
      assertThat(layer).containsOnly(Double.NaN);
    }
  }

  @Test
  void positionsAreThoseOfTheTokensCompared() {
    KvCodec codec = codec("default", 2);
    List<ProteinFidelity> turbo = turbo(codec);
    List<ProteinFidelity> decode = decode(codec, HALF);
    long[][] all = {{1, 2, 4, 8, 16, 9}, {1, 2}, {1, 2, 4, 8, 16, 32, 12}};
    // Half of 40, 3 and 75 tokens, rounded up, are prefilled: 20, 1 and 37 are decoded.
    long[][] decoded = {{1, 2, 4, 8, 5}, {1}, {1, 2, 4, 8, 16, 6}};
    for (int s = 0; s < batch.sequences(); s++) {
      assertPositions(turbo.get(s), all[s]);
      assertPositions(decode.get(s), decoded[s]);
    }
  }

  private static void assertPositions(ProteinFidelity fidelity, long[] filled) {
    long[] tokens = fidelity.positions().tokens();
    assertThat(tokens).containsExactly(Arrays.copyOf(filled, PositionComparison.BINS));
    double sum = 0;
    for (int bin = 0; bin < filled.length; bin++) {
      sum += tokens[bin] * fidelity.positions().cosineMean()[bin];
    }
    // The same cosines in other order: at most 75 sums below 75, each rounded by 75 * 2^-53.
    assertThat(sum / Arrays.stream(filled).sum())
        .isCloseTo(fidelity.hiddenCosineMean(), within(1e-12));
  }

  @Test
  void onlyTheHeadThatLosesItsValuesHasErrorInTurbo() {
    ObservedTokens tokens = new ObservedTokens(CONFIG);
    engine.encode(batch, tokens);
    // Attention sums at most 75 tokens in another order, with logits and exp off by some 2^-24:
    // off by about 200 * 2^-24 = 1.2e-5 in length, 1.5e-10 squared.
    assertOneHeadErrs(turbo(oneHeadLosesItsValues(tokens, false)), 1e-9);
  }

  @Test
  void onlyTheHeadThatLosesItsValuesHasErrorInDecode() {
    ObservedTokens tokens = new ObservedTokens(CONFIG);
    try (TurboEngine turbo = engine.turbo(identity())) {
      new LockstepDecoder(turbo, KvPrecision.FULL, rows -> tokens).decode(batch, HALF);
    }
    // A decode kernel may hold values as bfloat16, which rounds them by at most 2^-9 of themselves:
    // 3.8e-6 squared. Roundings of tokens are independent, so that their mean has less.
    assertOneHeadErrs(decode(oneHeadLosesItsValues(tokens, true), HALF), 0x1p-18);
  }

  private static void assertOneHeadErrs(List<ProteinFidelity> proteins, double rounding) {
    for (ProteinFidelity fidelity : proteins) {
      for (int layer = 0; layer < CONFIG.layers(); layer++) {
        double[] heads = fidelity.headNmse()[layer];
        int erring = erringHead(layer);
        assertThat(heads[1 - erring]).as("seed %d", SEED).isLessThan(rounding);
        assertThat(heads[erring]).as("seed %d", SEED).isGreaterThan(100 * rounding);
        // Lengths of errors obey the triangle inequality, but for the rounding after W_o: sums of
        // 32 floats, off by at most 32 * 2^-24 = 2e-6 of their terms' absolute values.
        double other = Math.sqrt(heads[1 - erring]);
        assertThat(Math.sqrt(fidelity.attention().nmse()[layer]))
            .as("seed %d", SEED)
            .isCloseTo(Math.sqrt(heads[erring]), within(other + 1e-5));
      }
    }
  }

  private static int erringHead(int layer) {
    return layer % 2;
  }

  /** Tables hold every token, but for the values of one head in each layer: these in two bits. */
  private static KvCodec oneHeadLosesItsValues(ObservedTokens tokens, boolean transformed) {
    KvCodec exact = tokens.codec(identity(), transformed, 8);
    KvCodec coarse = tokens.codec(identity(), transformed, 2);
    return codecOf(
        (layer, head) -> {
          HeadCodec codec = exact.head(layer, head);
          return head == erringHead(layer)
              ? RandomCodec.withTables(
                  codec, codec.keyCodebook(), coarse.head(layer, head).valueCodebook())
              : codec;
        });
  }

  private static KvCodec identity() {
    return codecOf((layer, head) -> RandomCodec.identity(CONFIG.headDim()));
  }

  private static KvCodec codecOf(BiFunction<Integer, Integer, HeadCodec> codec) {
    List<List<HeadCodec>> layers = new ArrayList<>();
    for (int l = 0; l < CONFIG.layers(); l++) {
      List<HeadCodec> heads = new ArrayList<>();
      for (int h = 0; h < CONFIG.heads(); h++) {
        heads.add(codec.apply(l, h));
      }
      layers.add(heads);
    }
    return new KvCodec(layers, false);
  }

  @Test
  void proteinsAreMeasuredEachForItself() {
    KvCodec codec = codec("default", 2);
    List<ProteinFidelity> together = decode(codec, HALF);
    TokenBatch second = TokenBatch.of(proteins(new SplittableRandom(SEED), 40));
    try (TurboEngine turbo = engine.turbo(codec)) {
      ProteinFidelity alone =
          new FidelityProbe(
                  engine, turbo, codec, new OutputGrams(weights.config(), weights::attentionOutput))
              .decode(second, HALF)
              .get(0);
      assertThat(alone.hiddenNmse()).isEqualTo(together.get(0).hiddenNmse());
      assertThat(alone.attention().nmse()).isEqualTo(together.get(0).attention().nmse());
      assertThat(alone.headNmse()).isEqualTo(together.get(0).headNmse());
    }
  }
}
