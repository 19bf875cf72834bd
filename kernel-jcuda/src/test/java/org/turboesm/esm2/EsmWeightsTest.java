package org.turboesm.esm2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.TurboEsmException;

class EsmWeightsTest {
  private static final EsmConfig CONFIG = RandomEsmModel.config(2, 2, 8);
  private static final RandomEsmModel MODEL = RandomEsmModel.of(CONFIG, 11);
  private static final String KEY = "esm.encoder.layer.1.attention.self.key.weight";

  @TempDir Path folder;

  static Stream<RandomEsmModel> forms() {
    return Stream.of(
        MODEL,
        MODEL.withType("F16"),
        MODEL.withType("BF16"),
        MODEL.withNewerNames(),
        MODEL.withoutPrefix(),
        MODEL.withoutPrefix().withoutLmHead(),
        MODEL.withShards(3),
        MODEL.withShards(2).withType("BF16").withNewerNames().withoutPrefix());
  }

  @ParameterizedTest
  @MethodSource("forms")
  void everyFormOfTheFolderHoldsTheSameWeights(RandomEsmModel model) {
    Map<String, RandomEsmModel.Tensor> written = MODEL.tensors();

    try (EsmWeights weights = EsmWeights.open(model.write(folder))) {
      assertThat(weights.config()).isEqualTo(CONFIG);
      assertThat(weights.wordEmbeddings())
          .containsExactly(written.get("esm.embeddings.word_embeddings.weight").values());
      for (int i = 0; i < CONFIG.layers(); i++) {
        String name = "esm.encoder.layer." + i + ".";
        assertLayerNorm(weights.attentionNorm(i), written, name + "attention.LayerNorm");
        assertLinear(weights.query(i), written, name + "attention.self.query");
        assertLinear(weights.key(i), written, name + "attention.self.key");
        assertLinear(weights.value(i), written, name + "attention.self.value");
        assertLinear(weights.attentionOutput(i), written, name + "attention.output.dense");
        assertLayerNorm(weights.feedForwardNorm(i), written, name + "LayerNorm");
        assertLinear(weights.intermediate(i), written, name + "intermediate.dense");
        assertLinear(weights.output(i), written, name + "output.dense");
      }
      assertLayerNorm(weights.finalNorm(), written, "esm.encoder.emb_layer_norm_after");
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void headWithTiedEmbeddingsDecodesWithThem(boolean newerNames) {
    RandomEsmModel model = newerNames ? MODEL.withNewerNames() : MODEL;
    Map<String, RandomEsmModel.Tensor> written = MODEL.tensors();

    try (EsmWeights weights = EsmWeights.open(model.write(folder))) {
      LmHeadWeights head = weights.lmHead().orElseThrow();

      assertLinear(head.dense(), written, "lm_head.dense");
      assertLayerNorm(head.norm(), written, "lm_head.layer_norm");
      assertThat(head.decoder().weight()).containsExactly(weights.wordEmbeddings());
      assertThat(head.decoder().bias()).containsExactly(written.get("lm_head.bias").values());
    }
  }

  @Test
  void headWithUntiedEmbeddingsHasItsOwnDecoder() {
    EsmConfig untied = new EsmConfig(1, 16, 2, 64, 33, 1e-5f, 10000f, true, false);
    RandomEsmModel model = RandomEsmModel.of(untied, 12);

    try (EsmWeights weights = EsmWeights.open(model.write(folder))) {
      assertThat(weights.lmHead().orElseThrow().decoder().weight())
          .containsExactly(model.tensors().get("lm_head.decoder.weight").values());
    }
  }

  @Test
  void bareEncoderHasNoHead() {
    MODEL.withoutLmHead().write(folder);

    boolean hasHead = read(weights -> weights.lmHead().isPresent());
    assertThat(hasHead).isFalse();
  }

  @Test
  void storedFrequenciesAreTaken() {
    float[] stored = {1, 0.5f, 0.25f, 0.125f};
    Map<String, RandomEsmModel.Tensor> tensors = MODEL.tensors();
    tensors.put(
        "esm.encoder.layer.0.attention.self.rotary_embeddings.inv_freq",
        new RandomEsmModel.Tensor(stored, new long[] {4}));
    MODEL.write(folder, tensors);

    float[] frequency = read(EsmWeights::inverseFrequency);
    assertThat(frequency).containsExactly(stored);
  }

  @Test
  void withoutStoredFrequenciesTheyAreThoseOfRopeTheta() {
    MODEL.write(folder);

    float[] frequency = read(EsmWeights::inverseFrequency);
    assertThat(frequency).containsExactly(1f, 0.1f, 0.01f, 0.001f);
  }

  @Test
  void hashIsTheSameForOneFileAndForShards() {
    assertThat(hash(MODEL.withShards(3))).isEqualTo(hash(MODEL));
  }

  @Test
  void hashIsAShaOf256Bits() {
    assertThat(hash(MODEL)).matches("[0-9a-f]{64}");
  }

  @Test
  void hashDiffersWhenOneByteDiffers() throws IOException {
    MODEL.write(folder);
    Path file = folder.resolve("model.safetensors");
    String before = read(EsmWeights::hash);
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 1] ^= 1;
    Files.write(file, bytes);

    String after = read(EsmWeights::hash);
    assertThat(after).isNotEqualTo(before);
  }

  @Test
  void hashDiffersWhenTwoTensorsAreExchanged() {
    Map<String, RandomEsmModel.Tensor> tensors = MODEL.tensors();
    String other = KEY.replace("key", "query");
    RandomEsmModel.Tensor key = tensors.put(KEY, tensors.get(other));
    tensors.put(other, key);
    MODEL.write(folder, tensors);

    String exchanged = read(EsmWeights::hash);
    assertThat(exchanged).isNotEqualTo(hash(MODEL));
  }

  @Test
  void hashDiffersWhenTensorsOfTheSameBytesHaveOtherNames() {
    String newerNames = hash(MODEL.withNewerNames());

    assertThat(newerNames).isNotEqualTo(hash(MODEL));
  }

  @Test
  void missingFolder() {
    Path missing = folder.resolve("missing");

    assertThatThrownBy(() -> EsmWeights.open(missing))
        .isInstanceOf(TurboEsmException.class)
        .hasMessage(
            missing
                + ": no such folder; a model is a folder with config.json and model.safetensors");
  }

  @Test
  void folderWithoutConfig() throws IOException {
    MODEL.write(folder);
    Files.delete(folder.resolve("config.json"));

    assertRefused().hasMessageStartingWith(folder.resolve("config.json") + ": no such file");
  }

  @Test
  void folderWithoutSafetensors() throws IOException {
    MODEL.write(folder);
    Files.move(folder.resolve("model.safetensors"), folder.resolve("pytorch_model.bin"));

    assertRefused()
        .hasMessage(
            folder
                + ": neither model.safetensors nor model.safetensors.index.json is there; other"
                + " formats (pytorch_model.bin) must be converted to safetensors");
  }

  @Test
  void missingTensor() {
    Map<String, RandomEsmModel.Tensor> tensors = MODEL.tensors();
    tensors.remove(KEY);
    MODEL.write(folder, tensors);

    assertRefused()
        .hasMessage(
            folder + ": tensor " + KEY + " of shape [16, 16] is missing from [model.safetensors]");
  }

  @Test
  void everyTensorOfTheEncoderIsMissedWhenItIsNotThere() {
    for (String name : MODEL.withoutLmHead().tensors().keySet()) {
      Map<String, RandomEsmModel.Tensor> tensors = MODEL.tensors();
      tensors.remove(name);
      MODEL.write(folder, tensors);

      assertRefused().hasMessageContaining("tensor " + name + " ").hasMessageContaining("missing");
    }
  }

  @Test
  void modelOfFewerLayersThanTheConfigSays() {
    EsmConfig deeper = RandomEsmModel.config(3, 2, 8);
    RandomEsmModel.of(deeper, 1).write(folder, MODEL.tensors());

    assertRefused()
        .hasMessageContaining("esm.encoder.layer.2.attention.LayerNorm.weight of shape [16]");
  }

  @Test
  void wrongShape() {
    Map<String, RandomEsmModel.Tensor> tensors = MODEL.tensors();
    tensors.put(KEY, new RandomEsmModel.Tensor(new float[16 * 8], new long[] {16, 8}));
    MODEL.write(folder, tensors);

    assertRefused()
        .hasMessage(
            folder.resolve("model.safetensors")
                + ": tensor "
                + KEY
                + " has shape [16, 8], expected [16, 16] from config.json");
  }

  @Test
  void wrongShapeOfTheHead() {
    Map<String, RandomEsmModel.Tensor> tensors = MODEL.tensors();
    tensors.put("lm_head.bias", new RandomEsmModel.Tensor(new float[30], new long[] {30}));
    MODEL.write(folder, tensors);

    assertThatThrownBy(() -> read(EsmWeights::lmHead))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("tensor lm_head.bias has shape [30], expected [33]");
  }

  @Test
  void weightsOfATypeThatIsNoFloat() {
    SafetensorsWriter writer = new SafetensorsWriter();
    MODEL.tensors().forEach((name, t) -> writer.ints(name, new int[t.values().length], t.shape()));
    MODEL.write(folder);
    writer.write(folder.resolve("model.safetensors"));

    assertThatThrownBy(() -> read(w -> w.query(1)))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageStartingWith(folder.resolve("model.safetensors") + ": tensor esm.encoder.layer")
        .hasMessageEndingWith("is I32, expected F32, F16 or BF16");
  }

  @ParameterizedTest
  @ValueSource(strings = {"F32", "F16", "BF16"})
  void weightsThatAreNotFinite(String type) throws IOException {
    MODEL.withType(type).write(folder);
    Path file = folder.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    // The last value is the head's last bias. Its exponent's bits lie in the last two bytes.
    bytes[bytes.length - 1] = 0x7f;
    bytes[bytes.length - 2] = (byte) 0xff;
    Files.write(file, bytes);

    assertThatThrownBy(() -> read(EsmWeights::lmHead))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageStartingWith(
            file
                + ": tensor lm_head.bias is damaged: 1 of its 33 values are NaN or infinite, the"
                + " first at index 32 (NaN)");
  }

  @Test
  void truncatedFile() throws IOException {
    MODEL.write(folder);
    Path file = folder.resolve("model.safetensors");
    byte[] whole = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(whole, whole.length - 1));

    assertRefused().hasMessageStartingWith(file + ": truncated: tensor lm_head.bias ends at byte ");
  }

  @Test
  void missingShard() throws IOException {
    MODEL.withShards(3).write(folder);
    Path shard = folder.resolve("model-00002-of-00003.safetensors");
    Files.delete(shard);

    assertRefused()
        .hasMessage(shard + ": no such file, but model.safetensors.index.json names this shard");
  }

  @Test
  void shardThatLacksATensorOfTheIndex() {
    Map<String, RandomEsmModel.Tensor> tensors = MODEL.tensors();
    tensors.remove(KEY);
    MODEL.withShards(2).write(folder, tensors);

    assertRefused()
        .hasMessageEndingWith(
            "is missing from [model-00001-of-00002.safetensors,"
                + " model-00002-of-00002.safetensors]");
  }

  @ParameterizedTest
  @ValueSource(strings = {"{}", "{\"weight_map\":{}}", "[]"})
  void indexWithoutWeightMap(String content) throws IOException {
    MODEL.withShards(2).write(folder);
    Path index = folder.resolve("model.safetensors.index.json");
    Files.writeString(index, content);

    assertRefused().hasMessage(index + ": weight_map is missing or empty");
  }

  @Test
  void indexThatIsNotJson() throws IOException {
    MODEL.withShards(2).write(folder);
    Path index = folder.resolve("model.safetensors.index.json");
    Files.writeString(index, "oops");

    assertRefused().hasMessageStartingWith(index + ": not readable as JSON: ");
  }

  private AbstractThrowableAssert<?, ? extends Throwable> assertRefused() {
    return assertThatThrownBy(() -> EsmWeights.open(folder)).isInstanceOf(TurboEsmException.class);
  }

  private String hash(RandomEsmModel model) {
    try (EsmWeights weights =
        EsmWeights.open(model.write(folder.resolve("shards-" + model.shards())))) {
      return weights.hash();
    }
  }

  private <T> T read(Function<EsmWeights, T> reader) {
    try (EsmWeights weights = EsmWeights.open(folder)) {
      return reader.apply(weights);
    }
  }

  private static void assertLinear(
      LinearWeights linear, Map<String, RandomEsmModel.Tensor> written, String name) {
    assertThat(linear.weight()).as(name).containsExactly(written.get(name + ".weight").values());
    assertThat(linear.bias()).as(name).containsExactly(written.get(name + ".bias").values());
  }

  private static void assertLayerNorm(
      LayerNormWeights norm, Map<String, RandomEsmModel.Tensor> written, String name) {
    assertThat(norm.weight()).as(name).containsExactly(written.get(name + ".weight").values());
    assertThat(norm.bias()).as(name).containsExactly(written.get(name + ".bias").values());
  }
}
