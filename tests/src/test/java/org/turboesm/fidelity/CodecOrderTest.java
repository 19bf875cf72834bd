package org.turboesm.fidelity;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.calibration.CodecSpec;
import org.turboesm.calibration.LocalCalibration;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.Prefill;
import org.turboesm.engine.TurboEngine;
import org.turboesm.esm2.EsmTokenizer;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ModelLocator;
import org.turboesm.esm2.OutputGrams;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.KvCodec;

/**
 * Which codec is better than which: NMSE of the attention output on the true inputs of each layer,
 * averaged over layers, on the demo model and short real proteins that calibration did not see.
 */
@Tag("golden")
class CodecOrderTest {
  private static final int LONGEST = 128;
  private static final int CALIBRATION_PROTEINS = 28;
  private static final int HELD_OUT_PROTEINS = 4;

  private static final List<String> OTHERS =
      List.of("paper", "paper-sign", "uniform", "hadamard", "hadamard-channel", "svd");

  private static final Map<CodecSpec, Figures> FIGURES = new LinkedHashMap<>();

  private static double decodedWithTail;
  private static double decodedWithoutTail;

  private record Figures(double nmse, double bytesPerTokenHead) {}

  @BeforeAll
  static void measureAll() throws IOException {
    List<String> proteins = RealProteins.upTo(LONGEST).stream().distinct().toList();
    List<String> seen = proteins.subList(0, CALIBRATION_PROTEINS);
    List<String> heldOut =
        proteins.subList(CALIBRATION_PROTEINS, CALIBRATION_PROTEINS + HELD_OUT_PROTEINS);
    try (EsmWeights weights = EsmWeights.open(ModelLocator.locate(ModelLocator.DEMO));
        EsmEngine engine = EsmEngines.open("cpu", "f32", weights)) {
      LocalCalibration calibration = new LocalCalibration(engine, weights, seen);
      for (CodecSpec spec : specs()) {
        FIGURES.put(spec, measure(engine, weights, calibration.fit(spec), heldOut));
      }
      decodedWithTail =
          decoded(engine, weights, calibration.fit(CodecSpec.of("default", 2, 2)), heldOut);
      decodedWithoutTail =
          decoded(
              engine,
              weights,
              calibration.fit(CodecSpec.of("default-without-tail", 2, 2)),
              heldOut);
    }
  }

  private static List<CodecSpec> specs() {
    List<CodecSpec> specs = new ArrayList<>();
    for (double bits : new double[] {1, 1.5, 2, 2.5, 3, 4}) {
      specs.add(CodecSpec.of("default", bits, bits));
    }
    for (String other : OTHERS) {
      for (int bits = 1; bits <= 3; bits++) {
        specs.add(CodecSpec.of(other, bits, bits));
      }
    }
    ablations().forEach(ablation -> specs.add(CodecSpec.of(ablation, 2, 2)));
    return specs;
  }

  /**
   * Those that turbo sees: it packs all tokens at once, whether decode would keep a tail or not.
   */
  private static List<String> ablations() {
    return CodecSpec.ablations().stream()
        .filter(ablation -> !ablation.equals("default-without-tail"))
        .toList();
  }

  private static List<String> ablationsWithout() {
    return ablations().stream().filter(ablation -> ablation.contains("-without-")).toList();
  }

  private static Figures measure(
      EsmEngine engine, EsmWeights weights, KvCodec codec, List<String> proteins) {
    double nmse = 0;
    try (TurboEngine turbo = engine.turbo(codec)) {
      FidelityProbe probe =
          new FidelityProbe(
              engine, turbo, codec, new OutputGrams(weights.config(), weights::attentionOutput));
      for (String protein : proteins) {
        TokenBatch batch = TokenBatch.of(List.of(EsmTokenizer.tokenize(protein)));
        double[] layers = probe.turbo(batch).get(0).attention().nmse();
        nmse += Arrays.stream(layers).average().orElseThrow() / proteins.size();
      }
    }
    double heads = (double) weights.config().layers() * weights.config().heads();
    return new Figures(nmse, codec.packedBitsPerToken() / 8.0 / heads);
  }

  /** The error of decode's attention outputs, mean over layers and proteins. */
  private static double decoded(
      EsmEngine engine, EsmWeights weights, KvCodec codec, List<String> proteins) {
    try (TurboEngine turbo = engine.turbo(codec)) {
      FidelityProbe probe =
          new FidelityProbe(
              engine, turbo, codec, new OutputGrams(weights.config(), weights::attentionOutput));
      TokenBatch batch = TokenBatch.of(proteins.stream().map(EsmTokenizer::tokenize).toList());
      return probe.decode(batch, Prefill.parse("0.5")).stream()
          .flatMapToDouble(protein -> Arrays.stream(protein.attention().nmse()))
          .average()
          .orElseThrow();
    }
  }

  private static Figures of(String codec, double bits) {
    return FIGURES.get(CodecSpec.of(codec, bits, bits));
  }

  /** All figures, for a failure. */
  private static String table() {
    StringBuilder text = new StringBuilder("\n");
    FIGURES.forEach(
        (spec, figures) ->
            text.append(
                String.format(
                    Locale.ROOT,
                    "%-36s %6.1f bytes  NMSE %.5f%n",
                    spec.label(),
                    figures.bytesPerTokenHead,
                    figures.nmse)));
    return text.toString();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void theDefaultIsBetterThanAllOthersAtTheirBytesOrFewer(int bits) {
    Figures best = of("default", bits);
    for (String other : OTHERS) {
      assertThat(best.bytesPerTokenHead)
          .as(other + table())
          .isLessThanOrEqualTo(of(other, bits).bytesPerTokenHead);
      assertThat(best.nmse).as(other + table()).isLessThan(of(other, bits).nmse);
    }
  }

  @Test
  void oneBitOfTheDefaultIsBetterThanThreeAndASignOfThePapers() {
    assertThat(of("default", 1).nmse).as(table()).isLessThan(of("paper-sign", 3).nmse);
  }

  @Test
  void moreBitsOfTheDefaultAreNeverWorse() {
    List<Double> byBits =
        FIGURES.entrySet().stream()
            .filter(entry -> entry.getKey().codec().equals("default"))
            .map(entry -> entry.getValue().nmse)
            .toList();
    assertThat(byBits).as(table()).hasSize(6);
    for (int i = 1; i < byBits.size(); i++) {
      assertThat(byBits.get(i)).as(table()).isLessThanOrEqualTo(byBits.get(i - 1));
    }
  }

  @ParameterizedTest
  @MethodSource("ablations")
  void eachComponentChangesTheOutput(String ablation) {
    assertThat(of(ablation, 2).nmse).as(table()).isNotEqualTo(of("default", 2).nmse);
  }

  @ParameterizedTest
  @MethodSource("ablationsWithout")
  void withoutAComponentTheDefaultIsNotBetter(String ablation) {
    assertThat(of(ablation, 2).nmse).as(table()).isGreaterThanOrEqualTo(of("default", 2).nmse);
  }

  @Test
  void theSignOfTheResidualIsWorthLessThanItsBit() {
    assertThat(of("default-with-sign", 2).nmse).as(table()).isGreaterThan(of("default", 2).nmse);
  }

  @Test
  void theTailIsBetterThanNone() {
    assertThat(decodedWithTail).isLessThan(decodedWithoutTail);
  }
}
