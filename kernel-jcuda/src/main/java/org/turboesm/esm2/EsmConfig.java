package org.turboesm.esm2;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.turboesm.TurboEsmException;

/**
 * The sizes and constants of one ESM-2 model, as Hugging Face's {@code config.json} states them.
 *
 * @param layers transformer layers
 * @param hiddenSize width of the residual stream
 * @param heads attention heads; {@code hiddenSize = heads * headDim}
 * @param intermediateSize width inside the feed-forward block
 * @param vocabularySize rows of the word embedding
 * @param layerNormEps epsilon under the square root of every LayerNorm
 * @param ropeTheta base of the rotary embedding
 * @param tokenDropout whether embeddings are rescaled for masked tokens (Lin et al. 2023, ESM-2)
 * @param tiedWordEmbeddings whether the LM head's decoder is the word embedding
 */
public record EsmConfig(
    int layers,
    int hiddenSize,
    int heads,
    int intermediateSize,
    int vocabularySize,
    float layerNormEps,
    float ropeTheta,
    boolean tokenDropout,
    boolean tiedWordEmbeddings) {
  /**
   * Token dropout's share of masked tokens in training: 15%, of which 80% became {@code <mask>}.
   */
  private static final float TRAINED_MASK_FRACTION = 0.15f * 0.8f;

  public EsmConfig {
    requirePositive("num_hidden_layers", layers);
    requirePositive("hidden_size", hiddenSize);
    requirePositive("num_attention_heads", heads);
    requirePositive("intermediate_size", intermediateSize);
    if (hiddenSize % heads != 0) {
      throw new TurboEsmException(
          "hidden_size " + hiddenSize + " is not a multiple of num_attention_heads " + heads);
    }
    if (hiddenSize / heads % 2 != 0) {
      throw new TurboEsmException(
          "head_dim " + hiddenSize / heads + " is odd; rotary embeddings need an even head_dim");
    }
    if (vocabularySize != EsmTokenizer.VOCABULARY_SIZE) {
      throw new TurboEsmException(
          "vocab_size is "
              + vocabularySize
              + ", but ESM-2's vocabulary has "
              + EsmTokenizer.VOCABULARY_SIZE
              + " tokens; this is not an ESM-2 model");
    }
  }

  /**
   * What word embeddings are multiplied by (token dropout, Lin et al. 2023): the share of unmasked
   * tokens in training over the protein's own.
   *
   * @param maskedFraction the share of {@code <mask>} among the protein's tokens
   */
  public float embeddingScale(float maskedFraction) {
    return tokenDropout ? (1 - TRAINED_MASK_FRACTION) / (1 - maskedFraction) : 1f;
  }

  /** Width of one attention head. */
  public int headDim() {
    return hiddenSize / heads;
  }

  /**
   * Reads {@code config.json}; what it leaves out is as Hugging Face's EsmConfig has it.
   *
   * @throws TurboEsmException if the file is missing, not JSON, lacks a size, or describes a model
   *     that is not ESM-2
   */
  public static EsmConfig read(Path file) {
    JsonNode json = parse(file);
    String modelType = json.path("model_type").asText("esm");
    if (!modelType.equals("esm")) {
      throw invalid(file, "model_type is \"" + modelType + "\", expected \"esm\"");
    }
    String positions = json.path("position_embedding_type").asText("absolute");
    if (!positions.equals("rotary")) {
      throw invalid(
          file, "position_embedding_type is \"" + positions + "\"; ESM-2 has \"rotary\" (ESM-1?)");
    }
    if (json.path("emb_layer_norm_before").asBoolean(false)) {
      throw invalid(file, "emb_layer_norm_before is true; ESM-2 has no LayerNorm there");
    }
    try {
      return new EsmConfig(
          size(file, json, "num_hidden_layers"),
          size(file, json, "hidden_size"),
          size(file, json, "num_attention_heads"),
          size(file, json, "intermediate_size"),
          size(file, json, "vocab_size"),
          (float) json.path("layer_norm_eps").asDouble(1e-12),
          (float) json.path("rope_theta").asDouble(10000.0),
          json.path("token_dropout").asBoolean(false),
          json.path("tie_word_embeddings").asBoolean(true));
    } catch (TurboEsmException e) {
      throw e.getMessage().startsWith(file.toString()) ? e : invalid(file, e.getMessage());
    }
  }

  private static JsonNode parse(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new TurboEsmException(
          file + ": no such file; a model folder needs config.json beside its safetensors");
    }
    try {
      JsonNode json = new ObjectMapper().readTree(file.toFile());
      if (!json.isObject()) {
        throw invalid(file, "holds no JSON object");
      }
      return json;
    } catch (IOException e) {
      throw new TurboEsmException(file + ": not readable as JSON: " + e.getMessage(), e);
    }
  }

  private static int size(Path file, JsonNode json, String field) {
    JsonNode value = json.get(field);
    if (value == null || !value.isInt()) {
      throw invalid(file, "field \"" + field + "\" is missing or not an integer");
    }
    return value.asInt();
  }

  private static void requirePositive(String field, int value) {
    if (value <= 0) {
      throw new TurboEsmException(field + " is " + value + ", expected a positive number");
    }
  }

  private static TurboEsmException invalid(Path file, String reason) {
    return new TurboEsmException(file + ": " + reason);
  }
}
