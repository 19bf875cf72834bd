package org.turboesm.calibration;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngines;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.RandomEsmModel;
import org.turboesm.kv.AffineMap;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;

class CalibrationPassesTest {
  private static final long SEED = 41;
  private static final CodecSpec SPEC = CodecSpec.of("default", 3, 3);
  private static EsmWeights weights;
  private static EsmEngine engine;
  private static List<String> proteins;
  private static KvCodec expected;

  @BeforeAll
  static void calibrate(@TempDir Path folder) {
    RandomEsmModel.of(RandomEsmModel.config(2, 2, 16), SEED).write(folder);
    weights = EsmWeights.open(folder);
    engine = EsmEngines.open("reference", "f32", weights);
    proteins = proteins();
    expected = FittedCalibration.codec(engine, weights, SPEC, List.of(proteins));
  }

  @AfterAll
  static void close() {
    engine.close();
    weights.close();
  }

  static Stream<Arguments> degenerate() {
    return CodecSpec.codecs().stream()
        .flatMap(
            codec -> Stream.of("A".repeat(40), "M").map(protein -> Arguments.of(codec, protein)));
  }

  /** Its keys and values vary with the position alone, or not at all: covariances are singular. */
  @ParameterizedTest
  @MethodSource("degenerate")
  void degenerateProteinsGiveFiniteCodecs(String family, String protein) {
    KvCodec codec =
        FittedCalibration.codec(
            engine, weights, CodecSpec.parse(family, null, null), List.of(List.of(protein)));
    for (List<HeadCodec> layer : codec.heads()) {
      for (HeadCodec head : layer) {
        for (AffineMap map : List.of(head.query(), head.key(), head.value(), head.output())) {
          assertFinite(map.bias());
          assertFinite(map.columns());
        }
        for (Codebook codebook : List.of(head.keyCodebook(), head.valueCodebook())) {
          assertFinite(codebook.centroids());
          // Closed by infinity, channel by channel.
          for (float threshold : codebook.thresholds()) {
            assertThat(threshold).isNotNaN();
          }
        }
      }
    }
  }

  private static void assertFinite(float[] values) {
    for (float value : values) {
      assertThat(value).isFinite();
    }
  }

  private static List<String> proteins() {
    Random random = new Random(SEED);
    List<String> proteins = new ArrayList<>();
    for (int p = 0; p < 14; p++) {
      StringBuilder residues = new StringBuilder();
      for (int i = 0; i < 5 + random.nextInt(40); i++) {
        residues.append("LAGVSERTIDPKQNFYMHWC".charAt(random.nextInt(20)));
      }
      proteins.add(residues.toString());
    }
    return proteins;
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 7})
  void anyNumberOfPartitionsInAnyOrderGivesTheSameCodec(int count) {
    List<String> shuffled = new ArrayList<>(proteins);
    Collections.shuffle(shuffled, new Random(SEED + count));
    List<List<String>> partitions = new ArrayList<>();
    for (int p = 0; p < count; p++) {
      partitions.add(new ArrayList<>());
    }
    for (int i = 0; i < shuffled.size(); i++) {
      partitions.get(i % count).add(shuffled.get(i));
    }
    assertThat(FittedCalibration.codec(engine, weights, SPEC, partitions)).isEqualTo(expected);
  }

  /** Each protein's layers before the one that fails have been counted by then. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void proteinsThatAreRunAgainCountOnce(int crowdedLayer) {
    CrowdedEngine crowded = new CrowdedEngine(engine, crowdedLayer);

    assertThat(FittedCalibration.codec(crowded, weights, SPEC, List.of(proteins)))
        .isEqualTo(expected);
    // In both passes.
    assertThat(crowded.runsAlone()).isEqualTo(2 * proteins.size());
  }

  @Test
  void otherProteinsGiveAnotherCodec() {
    assertThat(FittedCalibration.codec(engine, weights, SPEC, List.of(proteins.subList(1, 14))))
        .isNotEqualTo(expected);
  }

  @Test
  void everyHeadHasItsBitsExactly() {
    for (List<HeadCodec> layer : expected.heads()) {
      for (HeadCodec head : layer) {
        assertThat(head.layout().packedBitsPerToken()).isEqualTo(6 * 16);
      }
    }
  }

  @Test
  void thePaperLeavesValuesUntransformedAndHasNoTail() {
    KvCodec paper =
        FittedCalibration.codec(
            engine, weights, CodecSpec.of("paper-sign", 3, 3), List.of(proteins));
    assertThat(paper.tail()).isFalse();
    HeadCodec head = paper.head(1, 1);
    for (int i = 0; i < 16; i++) {
      assertThat(head.value().at(i, i)).isEqualTo(1);
      assertThat(head.value().bias()[i]).isZero();
      assertThat(head.key().bias()[i]).isZero();
    }
    assertThat(head.keyCodebook().bits()).containsOnly(4);
    assertThat(head.valueCodebook().bits()).containsOnly(3);
  }

  /** Every codec and each component left out is another codec, and its bytes are as stated. */
  @Test
  void everyCodecIsAnother() {
    LocalCalibration calibration = new LocalCalibration(engine, weights, proteins);
    List<String> names = new ArrayList<>(CodecSpec.codecs());
    names.addAll(CodecSpec.ablations());
    List<KvCodec> codecs = new ArrayList<>();
    for (String name : names) {
      CodecSpec spec = CodecSpec.parse(name, null, null);
      KvCodec codec = calibration.fit(spec);
      double bits = 2 * 2 * 16 * (spec.keyBits() + spec.valueBits() + (spec.sign() ? 1 : 0));
      assertThat(
              codec.heads().stream()
                  .flatMap(List::stream)
                  .mapToLong(
                      head ->
                          Arrays.stream(head.keyCodebook().bits()).sum()
                              + Arrays.stream(head.valueCodebook().bits()).sum())
                  .sum())
          .as(name)
          .isEqualTo((long) bits);
      if (!name.equals("uniform")) {
        // At other bits, uniform is int8 and int4.
        assertThat(codecs).as(name).doesNotContain(codec);
      }
      codecs.add(codec);
    }
  }

  @Test
  void oneProcessGivesWhatPartitionsGive() {
    LocalCalibration calibration = new LocalCalibration(engine, weights, proteins);
    assertThat(calibration.fit(CodecSpec.of("svd", 2, 2))).isNotEqualTo(expected);
    assertThat(calibration.fit(SPEC)).isEqualTo(expected);
  }
}
