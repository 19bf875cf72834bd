package org.turboesm.engine.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.turboesm.TurboEsmException;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.RandomProteins;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.EsmTokenizer;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.LayerNormWeights;
import org.turboesm.esm2.Linear;
import org.turboesm.esm2.LinearWeights;
import org.turboesm.esm2.RandomEsmModel;
import org.turboesm.esm2.TokenBatch;

class ReferenceEngineTest {
  private static final EsmConfig CONFIG = RandomEsmModel.config(3, 2, 16);
  private static final RandomEsmModel MODEL = RandomEsmModel.of(CONFIG, 40);
  private static final int HIDDEN = 32;

  @TempDir Path folder;

  @Test
  void proteinAloneGivesTheSameBitsAsInABatch() {
    int[][] proteins = {protein(1, 30), protein(2, 3), protein(3, 67), protein(4, 2)};

    float[] batch = encode(MODEL, proteins);

    int row = 0;
    for (int[] protein : proteins) {
      assertThat(Arrays.copyOfRange(batch, row * HIDDEN, (row + protein.length) * HIDDEN))
          .as("protein of %d tokens", protein.length)
          .containsExactly(encode(MODEL, protein));
      row += protein.length;
    }
  }

  static Stream<RandomEsmModel> forms() {
    return Stream.of(
        MODEL.withType("F16"),
        MODEL.withType("BF16"),
        MODEL.withNewerNames(),
        MODEL.withoutPrefix(),
        MODEL.withoutLmHead(),
        MODEL.withShards(4));
  }

  @ParameterizedTest
  @MethodSource("forms")
  void everyFormOfTheSameWeightsGivesTheSameBits(RandomEsmModel form) {
    int[] protein = protein(5, 25);

    assertThat(encode(form, protein)).containsExactly(encode(MODEL, protein));
  }

  @Test
  void everyResidueChangesEveryTokensState() {
    int[] protein = protein(6, 12);
    int[] changed = protein.clone();
    changed[10] = EsmTokenizer.token('X');

    float[] before = encode(MODEL, protein);
    float[] after = encode(MODEL, changed);

    for (int t = 0; t < 12; t++) {
      assertThat(Arrays.copyOfRange(after, t * HIDDEN, (t + 1) * HIDDEN))
          .as("token %d", t)
          .isNotEqualTo(Arrays.copyOfRange(before, t * HIDDEN, (t + 1) * HIDDEN));
    }
  }

  @Test
  void orderOfResiduesMatters() {
    assertThat(Arrays.copyOf(encode(MODEL, EsmTokenizer.tokenize("LAGLAA")), HIDDEN))
        .isNotEqualTo(Arrays.copyOf(encode(MODEL, EsmTokenizer.tokenize("AAGLAL")), HIDDEN));
  }

  @Test
  void embeddingIsScaledByTokenDropoutEvenWhereNothingIsMasked() {
    float[] words = MODEL.tensors().get("esm.embeddings.word_embeddings.weight").values();
    int[] protein = protein(7, 10);

    float[] embedding = hiddenStates(MODEL, protein).get(0);

    for (int i = 0; i < embedding.length; i++) {
      float word = words[protein[i / HIDDEN] * HIDDEN + i % HIDDEN];
      assertThat(embedding[i]).isCloseTo(0.88f * word, Offset.offset(1e-6f));
    }
  }

  @Test
  void maskedTokensEmbedAsZeroAndTheOthersAreScaledUp() {
    float[] words = MODEL.tensors().get("esm.embeddings.word_embeddings.weight").values();
    int[] protein = protein(8, 10);
    protein[4] = EsmTokenizer.MASK;
    protein[5] = EsmTokenizer.MASK;

    float[] embedding = hiddenStates(MODEL, protein).get(0);

    for (int i = 0; i < embedding.length; i++) {
      int token = protein[i / HIDDEN];
      float word = token == EsmTokenizer.MASK ? 0 : words[token * HIDDEN + i % HIDDEN];
      assertThat(embedding[i]).isCloseTo(0.88f / 0.8f * word, Offset.offset(1e-6f));
    }
  }

  @Test
  void masksOfOneProteinDoNotScaleAnother() {
    int[] masked = protein(9, 10);
    masked[4] = EsmTokenizer.MASK;
    int[] plain = protein(10, 10);

    float[] batch = hiddenStates(MODEL, masked, plain).get(0);

    assertThat(Arrays.copyOfRange(batch, 10 * HIDDEN, 20 * HIDDEN))
        .containsExactly(hiddenStates(MODEL, plain).get(0));
  }

  @Test
  void withoutTokenDropoutEmbeddingsAreTheWordsThemselves() {
    EsmConfig plain = new EsmConfig(1, HIDDEN, 2, 128, 33, 1e-5f, 10000f, false, true);
    RandomEsmModel model = RandomEsmModel.of(plain, 41);
    float[] words = model.tensors().get("esm.embeddings.word_embeddings.weight").values();
    int[] protein = {EsmTokenizer.CLS, EsmTokenizer.MASK, EsmTokenizer.EOS};

    float[] embedding = hiddenStates(model, protein).get(0);

    for (int i = 0; i < embedding.length; i++) {
      assertThat(embedding[i]).isEqualTo(words[protein[i / HIDDEN] * HIDDEN + i % HIDDEN]);
    }
  }

  @Test
  void observerSeesTheEmbeddingAndEveryLayerAndTheResultLast() {
    int[] protein = protein(11, 10);

    List<float[]> states = hiddenStates(MODEL, protein);

    assertThat(states).hasSize(CONFIG.layers() + 1);
    assertThat(states.get(CONFIG.layers())).containsExactly(encode(MODEL, protein));
  }

  @Test
  void observerSeesTheAttentionThatProjectionAddsToTheResidual() {
    EsmConfig oneLayer = RandomEsmModel.config(1, 2, 16);
    Map<String, RandomEsmModel.Tensor> tensors = RandomEsmModel.of(oneLayer, 42).tensors();
    // Without a feed-forward block and with a plain last LayerNorm.
    zero(tensors, "esm.encoder.layer.0.output.dense.weight");
    zero(tensors, "esm.encoder.layer.0.output.dense.bias");
    RandomEsmModel.of(oneLayer, 42).write(folder, tensors);
    RandomEsmModel.Tensor scale = tensors.get("esm.encoder.emb_layer_norm_after.weight");
    RandomEsmModel.Tensor shift = tensors.get("esm.encoder.emb_layer_norm_after.bias");
    float[][] seen = new float[2][];
    int[] protein = protein(12, 10);

    try (EsmWeights weights = EsmWeights.open(folder);
        EsmEngine engine = EsmEngines.open("reference", "f32", weights)) {
      float[] hidden =
          engine.encode(
              TokenBatch.of(List.of(protein)),
              new ForwardObserver() {
                @Override
                public void hiddenState(int index, float[] state) {
                  seen[0] = index == 0 ? state.clone() : seen[0];
                }

                @Override
                public void attention(
                    int layer, float[] queries, float[] keys, float[] values, float[] output) {
                  seen[1] = output.clone();
                }
              });
      float[] x = engine.projectAttention(0, seen[1], 10);
      for (int i = 0; i < x.length; i++) {
        x[i] += seen[0][i];
      }
      float[] expected = new float[x.length];
      new ReferenceOperators()
          .layerNorm(x, 10, new LayerNormWeights(scale.values(), shift.values()), 1e-5f, expected);
      assertThat(hidden).containsExactly(expected, Offset.offset(2e-6f));
    }
  }

  @Test
  void queriesAreScaledAndTheyAndKeysAreRotatedButNotValues() {
    int tokens = 10;
    float[] plainQueries = new float[tokens * HIDDEN];
    float[] plainKeys = new float[tokens * HIDDEN];
    float[] plainValues = new float[tokens * HIDDEN];
    float[][] seen = new float[3][];
    MODEL.write(folder);
    try (EsmWeights weights = EsmWeights.open(folder);
        EsmEngine engine = EsmEngines.open("reference", "f32", weights)) {
      engine.encode(
          TokenBatch.of(List.of(protein(14, tokens))),
          new ForwardObserver() {
            @Override
            public void hiddenState(int index, float[] hidden) {
              if (index == 0) {
                float[] normed = new float[hidden.length];
                new ReferenceOperators()
                    .layerNorm(hidden, tokens, weights.attentionNorm(0), 1e-5f, normed);
                apply(weights.query(0), normed, plainQueries);
                apply(weights.key(0), normed, plainKeys);
                apply(weights.value(0), normed, plainValues);
              }
            }

            @Override
            public void attention(
                int index, float[] queries, float[] keys, float[] values, float[] output) {
              if (index == 0) {
                seen[0] = queries.clone();
                seen[1] = keys.clone();
                seen[2] = values.clone();
              }
            }
          });
    }

    assertThat(seen[2]).containsExactly(plainValues);
    for (int row = 0; row < 2 * tokens; row++) {
      int offset = row * 16;
      // A rotation keeps the product of what it rotates alike, and moves all but the first token.
      assertThat(dot(seen[0], seen[1], offset))
          .isCloseTo(dot(plainQueries, plainKeys, offset) / 4, Offset.offset(1e-5));
      assertThat(dot(seen[1], seen[1], offset))
          .isCloseTo(dot(plainKeys, plainKeys, offset), Offset.offset(1e-5));
      assertThat(seen[1][offset] == plainKeys[offset]).isEqualTo(row < 2);
      assertThat(seen[0][offset] == plainQueries[offset] / 4).isEqualTo(row < 2);
    }
  }

  @Test
  void logitsHaveARowOfTheVocabularyForEachToken() {
    MODEL.write(folder);
    try (EsmWeights weights = EsmWeights.open(folder);
        EsmEngine engine = EsmEngines.open("reference", "f32", weights)) {
      float[] hidden = engine.encode(TokenBatch.of(List.of(protein(13, 5))), ForwardObserver.NONE);

      assertThat(engine.hasLmHead()).isTrue();
      assertThat(engine.logits(hidden, 5)).hasSize(5 * 33);
    }
  }

  @Test
  void logitsOfTheBareEncoderAreAnErrorThatSaysWhatToUse() {
    MODEL.withoutLmHead().write(folder);
    try (EsmWeights weights = EsmWeights.open(folder);
        EsmEngine engine = EsmEngines.open("reference", "f32", weights)) {
      assertThat(engine.hasLmHead()).isFalse();
      assertThatThrownBy(() -> engine.logits(new float[HIDDEN], 1))
          .isInstanceOf(TurboEsmException.class)
          .hasMessage(
              "the model has no lm_head tensors, so it gives no logits; use the EsmForMaskedLM form"
                  + " of its weights");
    }
  }

  private static void apply(LinearWeights weights, float[] input, float[] output) {
    try (Linear linear = new ReferenceOperators().linear(weights, Linear.Epilogue.NONE)) {
      linear.apply(input, output.length / weights.outputs(), output);
    }
  }

  private static double dot(float[] a, float[] b, int offset) {
    double sum = 0;
    for (int i = offset; i < offset + 16; i++) {
      sum += (double) a[i] * b[i];
    }
    return sum;
  }

  private static void zero(Map<String, RandomEsmModel.Tensor> tensors, String name) {
    RandomEsmModel.Tensor tensor = tensors.get(name);
    tensors.put(name, new RandomEsmModel.Tensor(new float[tensor.values().length], tensor.shape()));
  }

  private float[] encode(RandomEsmModel model, int[]... proteins) {
    return run(model, ForwardObserver.NONE, proteins);
  }

  private List<float[]> hiddenStates(RandomEsmModel model, int[]... proteins) {
    List<float[]> states = new ArrayList<>();
    float[] last =
        run(
            model,
            new ForwardObserver() {
              @Override
              public void hiddenState(int index, float[] hidden) {
                assertThat(index).isEqualTo(states.size());
                states.add(hidden.clone());
              }
            },
            proteins);
    assertThat(states.get(states.size() - 1)).containsExactly(last);
    return states;
  }

  private float[] run(RandomEsmModel model, ForwardObserver observer, int[]... proteins) {
    Path written = model.write(folder.resolve("model-" + model.hashCode()));
    try (EsmWeights weights = EsmWeights.open(written);
        EsmEngine engine = EsmEngines.open("reference", "f32", weights)) {
      return engine.encode(TokenBatch.of(Arrays.asList(proteins)), observer);
    }
  }

  private static int[] protein(long seed, int length) {
    return RandomProteins.tokens(new SplittableRandom(seed), length);
  }
}
