package org.turboesm.esm2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.TurboEsmException;

class EsmConfigTest {
  @TempDir Path folder;
  private Path file;

  @BeforeEach
  void nameTheFile() {
    file = folder.resolve("config.json");
  }

  @Test
  void readsAllFields() throws IOException {
    write(
        json ->
            json.put("layer_norm_eps", 1e-12)
                .put("rope_theta", 500.0)
                .put("token_dropout", false)
                .put("tie_word_embeddings", false));

    assertThat(EsmConfig.read(file))
        .isEqualTo(new EsmConfig(6, 320, 20, 1280, 33, 1e-12f, 500f, false, false));
  }

  @Test
  void constantsThatTheFileLeavesOutAreHuggingFaces() throws IOException {
    write(json -> {});

    assertThat(EsmConfig.read(file))
        .isEqualTo(new EsmConfig(6, 320, 20, 1280, 33, 1e-12f, 10000f, false, true));
  }

  @ParameterizedTest
  @CsvSource({
    "6,320,20,16",
    "12,480,20,24",
    "30,640,20,32",
    "33,1280,20,64",
    "36,2560,40,64",
    "48,5120,40,128"
  })
  void publishedSizesHaveTheirHeadDim(int layers, int hidden, int heads, int headDim)
      throws IOException {
    write(
        json ->
            json.put("num_hidden_layers", layers)
                .put("hidden_size", hidden)
                .put("num_attention_heads", heads)
                .put("intermediate_size", 4 * hidden));

    assertThat(EsmConfig.read(file).headDim()).isEqualTo(headDim);
  }

  @Test
  void missingFile() {
    assertRefused()
        .hasMessage(
            file + ": no such file; a model folder needs config.json beside its safetensors");
  }

  @Test
  void notJson() throws IOException {
    Files.writeString(file, "<html>not found</html>");

    assertRefused().hasMessageStartingWith(file + ": not readable as JSON: ");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "num_hidden_layers",
        "hidden_size",
        "num_attention_heads",
        "intermediate_size",
        "vocab_size"
      })
  void missingSize(String field) throws IOException {
    write(json -> json.remove(field));

    assertRefused().hasMessage(file + ": field \"" + field + "\" is missing or not an integer");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "null", "3"})
  void jsonThatIsNoObject(String content) throws IOException {
    Files.writeString(file, content);

    assertRefused().hasMessage(file + ": holds no JSON object");
  }

  @Test
  void sizeThatIsNoInteger() throws IOException {
    write(json -> json.put("hidden_size", "320"));

    assertRefused().hasMessage(file + ": field \"hidden_size\" is missing or not an integer");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size"})
  void sizeThatIsNotPositive(String field) throws IOException {
    write(json -> json.put(field, 0));

    assertRefused().hasMessage(file + ": " + field + " is 0, expected a positive number");
  }

  @Test
  void anotherModelType() throws IOException {
    write(json -> json.put("model_type", "bert"));

    assertRefused().hasMessage(file + ": model_type is \"bert\", expected \"esm\"");
  }

  @Test
  void absolutePositions() throws IOException {
    write(json -> json.put("position_embedding_type", "absolute"));

    assertRefused()
        .hasMessage(
            file + ": position_embedding_type is \"absolute\"; ESM-2 has \"rotary\" (ESM-1?)");
  }

  @Test
  void layerNormBeforeTheLayers() throws IOException {
    write(json -> json.put("emb_layer_norm_before", true));

    assertRefused()
        .hasMessage(file + ": emb_layer_norm_before is true; ESM-2 has no LayerNorm there");
  }

  @Test
  void hiddenSizeThatHeadsDoNotDivide() throws IOException {
    write(json -> json.put("num_attention_heads", 7));

    assertRefused()
        .hasMessage(file + ": hidden_size 320 is not a multiple of num_attention_heads 7");
  }

  @Test
  void oddHeadDim() throws IOException {
    write(json -> json.put("num_attention_heads", 64));

    assertRefused()
        .hasMessage(file + ": head_dim 5 is odd; rotary embeddings need an even head_dim");
  }

  @Test
  void anotherVocabulary() throws IOException {
    write(json -> json.put("vocab_size", 30));

    assertRefused()
        .hasMessage(
            file
                + ": vocab_size is 30, but ESM-2's vocabulary has 33 tokens; this is not an ESM-2"
                + " model");
  }

  private AbstractThrowableAssert<?, ? extends Throwable> assertRefused() {
    return assertThatThrownBy(() -> EsmConfig.read(file)).isInstanceOf(TurboEsmException.class);
  }

  /** The 8M model's sizes, changed. */
  private void write(Consumer<ObjectNode> change) throws IOException {
    ObjectNode json =
        new ObjectMapper()
            .createObjectNode()
            .put("model_type", "esm")
            .put("position_embedding_type", "rotary")
            .put("num_hidden_layers", 6)
            .put("hidden_size", 320)
            .put("num_attention_heads", 20)
            .put("intermediate_size", 1280)
            .put("vocab_size", 33);
    change.accept(json);
    Files.writeString(file, json.toString());
  }
}
