package org.turboesm.esm2;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * A Hugging Face folder of random weights. A weight depends on the seed and its own name alone, and
 * is exact in F32, F16 and BF16, so that the same model in any type, naming, prefix or number of
 * files computes the same.
 *
 * @param seed of all weights
 * @param type F32, F16 or BF16
 * @param newerNames whether a LayerNorm's tensors are gamma and beta rather than weight and bias
 * @param prefix {@code "esm."}, or empty as the bare encoder has it
 * @param lmHead whether the language-model head is there
 * @param shards files; more than one have an index
 */
public record RandomEsmModel(
    EsmConfig config,
    long seed,
    String type,
    boolean newerNames,
    String prefix,
    boolean lmHead,
    int shards) {

  /** One tensor. */
  public record Tensor(float[] values, long[] shape) {}

  /** In F32 with classic names, prefix and head, in one file. */
  public static RandomEsmModel of(EsmConfig config, long seed) {
    return new RandomEsmModel(config, seed, "F32", false, "esm.", true, 1);
  }

  /** Sizes of a model small enough for a test. */
  public static EsmConfig config(int layers, int heads, int headDim) {
    int hidden = heads * headDim;
    return new EsmConfig(
        layers, hidden, heads, 4 * hidden, EsmTokenizer.VOCABULARY_SIZE, 1e-5f, 10000f, true, true);
  }

  public RandomEsmModel withType(String newType) {
    return new RandomEsmModel(config, seed, newType, newerNames, prefix, lmHead, shards);
  }

  public RandomEsmModel withNewerNames() {
    return new RandomEsmModel(config, seed, type, true, prefix, lmHead, shards);
  }

  public RandomEsmModel withoutPrefix() {
    return new RandomEsmModel(config, seed, type, newerNames, "", lmHead, shards);
  }

  public RandomEsmModel withoutLmHead() {
    return new RandomEsmModel(config, seed, type, newerNames, prefix, false, shards);
  }

  public RandomEsmModel withShards(int newShards) {
    return new RandomEsmModel(config, seed, type, newerNames, prefix, lmHead, newShards);
  }

  /** All tensors by name, as {@link #write} writes them. */
  public Map<String, Tensor> tensors() {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    int hidden = config.hiddenSize();
    int vocabulary = config.vocabularySize();
    put(tensors, prefix, "embeddings.word_embeddings.weight", 0, 1, vocabulary, hidden);
    for (int i = 0; i < config.layers(); i++) {
      String layer = "encoder.layer." + i + ".";
      putLayerNorm(tensors, prefix, layer + "attention.LayerNorm");
      for (String projection : List.of("query", "key", "value")) {
        putLinear(tensors, prefix, layer + "attention.self." + projection, hidden, hidden);
      }
      putLinear(tensors, prefix, layer + "attention.output.dense", hidden, hidden);
      putLayerNorm(tensors, prefix, layer + "LayerNorm");
      putLinear(tensors, prefix, layer + "intermediate.dense", hidden, config.intermediateSize());
      putLinear(tensors, prefix, layer + "output.dense", config.intermediateSize(), hidden);
    }
    putLayerNorm(tensors, prefix, "encoder.emb_layer_norm_after");
    if (lmHead) {
      putLinear(tensors, "", "lm_head.dense", hidden, hidden);
      putLayerNorm(tensors, "", "lm_head.layer_norm");
      put(tensors, "", "lm_head.bias", 0, 0.1, vocabulary);
      if (!config.tiedWordEmbeddings()) {
        put(tensors, "", "lm_head.decoder.weight", 0, 0.1, vocabulary, hidden);
      }
    }
    return tensors;
  }

  /**
   * Writes the folder, which need not exist.
   *
   * @return the folder
   */
  public Path write(Path folder) {
    return write(folder, tensors());
  }

  /** Writes the folder with other tensors: one that lacks some, or has wrong ones. */
  public Path write(Path folder, Map<String, Tensor> tensors) {
    try {
      Files.createDirectories(folder);
      Files.writeString(folder.resolve("config.json"), configJson().toPrettyString());
      if (shards == 1) {
        writer(tensors, new ArrayList<>(tensors.keySet()))
            .write(folder.resolve("model.safetensors"));
      } else {
        writeShards(folder, tensors);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return folder;
  }

  private void writeShards(Path folder, Map<String, Tensor> tensors) throws IOException {
    ObjectNode index = new ObjectMapper().createObjectNode();
    ObjectNode map = index.putObject("weight_map");
    List<String> names = new ArrayList<>(tensors.keySet());
    for (int s = 0; s < shards; s++) {
      String file = String.format("model-%05d-of-%05d.safetensors", s + 1, shards);
      List<String> part = names.subList(s * names.size() / shards, (s + 1) * names.size() / shards);
      part.forEach(name -> map.put(name, file));
      writer(tensors, part).write(folder.resolve(file));
    }
    Files.writeString(folder.resolve("model.safetensors.index.json"), index.toPrettyString());
  }

  private SafetensorsWriter writer(Map<String, Tensor> tensors, List<String> names) {
    SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
    for (String name : names) {
      writer.floats(name, type, tensors.get(name).values(), tensors.get(name).shape());
    }
    return writer;
  }

  private ObjectNode configJson() {
    return new ObjectMapper()
        .createObjectNode()
        .put("model_type", "esm")
        .put("position_embedding_type", "rotary")
        .put("num_hidden_layers", config.layers())
        .put("hidden_size", config.hiddenSize())
        .put("num_attention_heads", config.heads())
        .put("intermediate_size", config.intermediateSize())
        .put("vocab_size", config.vocabularySize())
        .put("layer_norm_eps", config.layerNormEps())
        .put("rope_theta", config.ropeTheta())
        .put("token_dropout", config.tokenDropout())
        .put("tie_word_embeddings", config.tiedWordEmbeddings());
  }

  private void putLinear(
      Map<String, Tensor> tensors, String start, String name, int inputs, int outputs) {
    put(tensors, start, name + ".weight", 0, 1 / Math.sqrt(inputs), outputs, inputs);
    put(tensors, start, name + ".bias", 0, 0.1, outputs);
  }

  private void putLayerNorm(Map<String, Tensor> tensors, String start, String name) {
    int hidden = config.hiddenSize();
    Tensor weight = new Tensor(random(name + ".weight", 1, 0.125, hidden), new long[] {hidden});
    Tensor bias = new Tensor(random(name + ".bias", 0, 0.1, hidden), new long[] {hidden});
    tensors.put(start + name + (newerNames ? ".gamma" : ".weight"), weight);
    tensors.put(start + name + (newerNames ? ".beta" : ".bias"), bias);
  }

  private void put(
      Map<String, Tensor> tensors,
      String start,
      String name,
      int mean,
      double deviation,
      long... shape) {
    int size = 1;
    for (long length : shape) {
      size = Math.multiplyExact(size, Math.toIntExact(length));
    }
    tensors.put(start + name, new Tensor(random(name, mean, deviation, size), shape));
  }

  /**
   * Uniform values of about the deviation asked for. Around 0 they are 127 steps of a power of two
   * to either side, around 1 they are 1 + n/128: in both cases 8 significant bits, what BF16 holds.
   */
  private float[] random(String name, int mean, double deviation, int size) {
    SplittableRandom random = new SplittableRandom(seed * 1_000_003 + name.hashCode());
    float step = mean == 0 ? (float) Math.scalb(1.0, Math.getExponent(deviation) - 6) : 0x1p-7f;
    int steps = mean == 0 ? 127 : (int) Math.round(deviation * 128 * Math.sqrt(3));
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = mean + step * random.nextInt(-steps, steps + 1);
    }
    return values;
  }
}
