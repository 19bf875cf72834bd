package org.turboesm.golden;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngines;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;

/**
 * Encode equals Hugging Face's EsmModel, hidden state by hidden state, in ragged batches.
 *
 * <p>The limit: both sides compute in float and differ in the order of their sums. The script that
 * made the expected values found them within 5e-6 (hidden states of order 1) and 3e-5 (logits up to
 * 30) of the same pass in double, so two such passes differ by less than twice that. The limit is
 * 1e-4 of the largest expected value of the state, or 1e-4 where that is below 1.
 */
@Tag("golden")
@Tag("newest")
class EncodeGoldenTest {
  private static final double LIMIT = 1e-4;

  /** The oracle's plain loops take a minute for sequences longer than this. */
  private static final int LONGEST_FOR_REFERENCE = 300;

  static Stream<Arguments> modelsAndEngines() {
    return Stream.of(
            "esm_hd16", "esm_hd24", "esm_hd32", "esm_hd64", "esm_hd128", "esm_inv_freq", "demo")
        .flatMap(model -> Stream.of("reference", "cpu").map(engine -> Arguments.of(model, engine)));
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("modelsAndEngines")
  void everyHiddenStateAndLogitEqualsHuggingFace(String modelName, String engineName) {
    GoldenModel model = GoldenModel.read(modelName);
    List<GoldenModel.Sequence> sequences =
        model.sequences().stream()
            .filter(s -> engineName.equals("cpu") || s.tokens().length <= LONGEST_FOR_REFERENCE)
            .toList();
    assertThat(sequences).hasSizeGreaterThan(2);
    try (EsmWeights weights = EsmWeights.open(model.folder());
        EsmEngine engine = EsmEngines.open(engineName, "f32", weights)) {
      TokenBatch batch =
          TokenBatch.of(sequences.stream().map(GoldenModel.Sequence::tokens).toList());
      List<float[]> states = new ArrayList<>();
      float[] last = engine.encode(batch, keeping(states));
      float[] logits = engine.logits(last, batch.size());
      assertThat(states).hasSize(weights.config().layers() + 1);
      assertThat(states.get(weights.config().layers())).isEqualTo(last);
      for (int s = 0; s < sequences.size(); s++) {
        GoldenModel.Sequence sequence = sequences.get(s);
        int first = batch.cuSeqlens()[s];
        String what = "sequence " + s + " of " + sequence.tokens().length + " tokens, ";
        for (int l = 0; l < states.size(); l++) {
          assertRows(what + "hidden " + l, sequence.hidden()[l], states.get(l), first, sequence);
        }
        assertRows(what + "logits", sequence.logits(), logits, first, sequence);
      }
    }
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("modelsAndEngines")
  void aProteinsResultDoesNotDependOnItsBatchMates(String modelName, String engineName) {
    GoldenModel model = GoldenModel.read(modelName);
    try (EsmWeights weights = EsmWeights.open(model.folder());
        EsmEngine engine = EsmEngines.open(engineName, "f32", weights)) {
      List<int[]> proteins =
          model.sequences().stream()
              .map(GoldenModel.Sequence::tokens)
              .filter(tokens -> tokens.length <= LONGEST_FOR_REFERENCE)
              .toList();
      TokenBatch batch = TokenBatch.of(proteins);
      float[] together = engine.encode(batch, ForwardObserver.NONE);
      int hidden = weights.config().hiddenSize();
      for (int s = 0; s < proteins.size(); s++) {
        float[] alone =
            engine.encode(TokenBatch.of(List.of(proteins.get(s))), ForwardObserver.NONE);
        assertThat(
                Arrays.copyOfRange(
                    together, batch.cuSeqlens()[s] * hidden, batch.cuSeqlens()[s + 1] * hidden))
            .as("sequence %d of %d tokens, to the bit", s, proteins.get(s).length)
            .isEqualTo(alone);
      }
    }
  }

  private static ForwardObserver keeping(List<float[]> states) {
    return new ForwardObserver() {
      @Override
      public void hiddenState(int index, float[] hidden) {
        states.add(hidden.clone());
      }
    };
  }

  private static void assertRows(
      String what,
      float[] expected,
      float[] actual,
      int firstToken,
      GoldenModel.Sequence sequence) {
    int width = expected.length / sequence.rows().length;
    double largest = 1;
    for (float value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    double worst = 0;
    for (int r = 0; r < sequence.rows().length; r++) {
      int offset = (firstToken + sequence.rows()[r]) * width;
      for (int c = 0; c < width; c++) {
        double difference = Math.abs((double) expected[r * width + c] - actual[offset + c]);
        worst = difference <= worst ? worst : difference;
      }
    }
    assertThat(worst).as(what).isLessThanOrEqualTo(LIMIT * largest);
  }
}
