package org.turboesm.fidelity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.turboesm.calibration.CodecSpec;
import org.turboesm.calibration.FittedCalibration;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.Prefill;
import org.turboesm.engine.RandomProteins;
import org.turboesm.engine.TurboEngine;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.RandomEsmModel;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.KvCodec;

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
      return new FidelityProbe(engine, turbo, codec).turbo(batch);
    }
  }

  private static List<ProteinFidelity> decode(KvCodec codec, Prefill prefill) {
    try (TurboEngine turbo = engine.turbo(codec)) {
      return new FidelityProbe(engine, turbo, codec).decode(batch, prefill);
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

  @Test
  void inTheFirstLayerNothingHasAccumulatedYet() {
    KvCodec codec = codec("paper", 2);
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
  void proteinsAreMeasuredEachForItself() {
    KvCodec codec = codec("default", 2);
    List<ProteinFidelity> together = decode(codec, HALF);
    TokenBatch second = TokenBatch.of(proteins(new SplittableRandom(SEED), 40));
    try (TurboEngine turbo = engine.turbo(codec)) {
      ProteinFidelity alone = new FidelityProbe(engine, turbo, codec).decode(second, HALF).get(0);
      assertThat(alone.hiddenNmse()).isEqualTo(together.get(0).hiddenNmse());
      assertThat(alone.attention().nmse()).isEqualTo(together.get(0).attention().nmse());
    }
  }
}
