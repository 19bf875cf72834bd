package org.turboesm.fidelity;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.turboesm.calibration.CodecSpec;
import org.turboesm.calibration.LocalCalibration;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.TurboEngine;
import org.turboesm.esm2.EsmTokenizer;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ModelLocator;
import org.turboesm.esm2.OutputGrams;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.KvCodec;

/**
 * What the codecs reach on the demo model and real proteins that calibration did not see, as
 * attention outputs on the true inputs of each layer, averaged over layers.
 */
@Tag("golden")
class DemoModelFidelityTest {
  private static final int LONGEST = 500;
  private static final int CALIBRATION_PROTEINS = 48;
  private static final int HELD_OUT_PROTEINS = 16;

  private static EsmWeights weights;
  private static EsmEngine engine;
  private static LocalCalibration calibration;
  private static List<String> heldOut;

  /** Means over proteins and layers. */
  private record Figures(
      double cosine,
      double nmse,
      double accumulatedNmse,
      double embeddingCosine,
      double worstEmbeddingCosine,
      double bitsPerValue) {}

  @BeforeAll
  static void open() throws IOException {
    weights = EsmWeights.open(ModelLocator.locate(ModelLocator.DEMO));
    engine = EsmEngines.open("cpu", "f32", weights);
    List<String> proteins = RealProteins.upTo(LONGEST);
    List<String> seen = proteins.subList(0, CALIBRATION_PROTEINS);
    calibration = new LocalCalibration(engine, weights, seen);
    heldOut =
        proteins.subList(CALIBRATION_PROTEINS, CALIBRATION_PROTEINS + HELD_OUT_PROTEINS).stream()
            .filter(protein -> !seen.contains(protein))
            .toList();
  }

  @AfterAll
  static void close() {
    engine.close();
    weights.close();
  }

  @Test
  void theDefaultCodecKeepsAttentionAtThreeBits() {
    Figures figures = measure("default", "3");
    assertThat(figures.cosine).isGreaterThanOrEqualTo(0.998);
    assertThat(figures.nmse).isLessThanOrEqualTo(0.008);
    assertThat(figures.embeddingCosine).isGreaterThanOrEqualTo(0.999);
    assertThat(figures.worstEmbeddingCosine).isGreaterThanOrEqualTo(0.99);
    assertThat(figures.bitsPerValue).isEqualTo(3);
    assertThat(figures.accumulatedNmse).isGreaterThan(figures.nmse);
  }

  @Test
  void twoBitsOfTheDefaultCodecBeatThreeOfThePapers() {
    assertThat(measure("default", "2").nmse)
        .isLessThanOrEqualTo(0.022)
        .isLessThan(measure("paper", "3").nmse / 2);
  }

  @Test
  void thePapersCodecReachesWhatThePaperDescribes() {
    Figures plain = measure("paper", "3");
    Figures signed = measure("paper-sign", "3");
    assertThat(plain.nmse).isBetween(0.09, 0.17);
    assertThat(signed.nmse).isBetween(0.06, 0.13).isLessThan(plain.nmse);
    assertThat(plain.bitsPerValue).isEqualTo(3);
    assertThat(signed.bitsPerValue).isEqualTo(3.5);
  }

  private static Figures measure(String name, String bits) {
    KvCodec codec = calibration.fit(CodecSpec.parse(name, bits, null));
    double cosine = 0;
    double nmse = 0;
    double accumulatedNmse = 0;
    double embeddingCosine = 0;
    double worst = 1;
    try (TurboEngine turbo = engine.turbo(codec)) {
      FidelityProbe probe =
          new FidelityProbe(
              engine, turbo, codec, new OutputGrams(weights.config(), weights::attentionOutput));
      for (String protein : heldOut) {
        TokenBatch batch = TokenBatch.of(List.of(EsmTokenizer.tokenize(protein)));
        ProteinFidelity fidelity = probe.turbo(batch).get(0);
        cosine += mean(fidelity.attention().cosineMean()) / heldOut.size();
        nmse += mean(fidelity.attention().nmse()) / heldOut.size();
        accumulatedNmse += mean(fidelity.accumulated().nmse()) / heldOut.size();
        embeddingCosine += fidelity.embeddingCosine() / heldOut.size();
        worst = Math.min(worst, fidelity.embeddingCosine());
      }
    }
    double values = 2.0 * weights.config().layers() * weights.config().hiddenSize();
    return new Figures(
        cosine, nmse, accumulatedNmse, embeddingCosine, worst, codec.packedBitsPerToken() / values);
  }

  private static double mean(double[] values) {
    return Arrays.stream(values).average().orElseThrow();
  }
}
