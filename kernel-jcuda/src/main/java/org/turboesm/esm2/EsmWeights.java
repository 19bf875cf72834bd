package org.turboesm.esm2;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.turboesm.TurboEsmException;

/**
 * A Hugging Face ESM-2 folder: {@code config.json} with {@code model.safetensors}, or with {@code
 * model.safetensors.index.json} and its shards. Tensors are read one at a time, so that a model
 * larger than the heap can be converted piece by piece.
 */
public final class EsmWeights implements AutoCloseable {
  private static final String SINGLE_FILE = "model.safetensors";
  private static final String INDEX_FILE = "model.safetensors.index.json";

  private final Path folder;
  private final EsmConfig config;
  private final List<SafetensorsFile> files;
  private final Map<String, SafetensorsFile> fileOfTensor;
  private final String prefix;
  private volatile String hash;

  private EsmWeights(Path folder, EsmConfig config, List<SafetensorsFile> files) {
    this.folder = folder;
    this.config = config;
    this.files = files;
    this.fileOfTensor = new TreeMap<>();
    for (SafetensorsFile file : files) {
      for (String name : file.tensors().keySet()) {
        fileOfTensor.put(name, file);
      }
    }
    this.prefix = fileOfTensor.containsKey("embeddings.word_embeddings.weight") ? "" : "esm.";
  }

  /**
   * Opens a model folder and checks that every tensor of the encoder is there in its shape.
   *
   * @throws TurboEsmException naming the file, the tensor, what was expected and what was found
   */
  public static EsmWeights open(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw new TurboEsmException(
          folder + ": no such folder; a model is a folder with config.json and " + SINGLE_FILE);
    }
    EsmConfig config = EsmConfig.read(folder.resolve("config.json"));
    List<SafetensorsFile> files = new ArrayList<>();
    try {
      for (String name : fileNames(folder)) {
        files.add(SafetensorsFile.open(folder.resolve(name)));
      }
      EsmWeights weights = new EsmWeights(folder, config, files);
      weights.checkShapes();
      return weights;
    } catch (RuntimeException e) {
      files.forEach(SafetensorsFile::close);
      throw e;
    }
  }

  public EsmConfig config() {
    return config;
  }

  public Path folder() {
    return folder;
  }

  /** [vocabulary, hidden]. */
  public float[] wordEmbeddings() {
    return floats(
        prefix + "embeddings.word_embeddings.weight", config.vocabularySize(), config.hiddenSize());
  }

  /** The LayerNorm before attention; this and the following are read anew at each call. */
  public LayerNormWeights attentionNorm(int layer) {
    return layerNorm(layerName(layer) + "attention.LayerNorm");
  }

  /** W_q and b_q. */
  public LinearWeights query(int layer) {
    return square(layerName(layer) + "attention.self.query");
  }

  /** W_k and b_k. */
  public LinearWeights key(int layer) {
    return square(layerName(layer) + "attention.self.key");
  }

  /** W_v and b_v. */
  public LinearWeights value(int layer) {
    return square(layerName(layer) + "attention.self.value");
  }

  /** W_o and b_o. */
  public LinearWeights attentionOutput(int layer) {
    return square(layerName(layer) + "attention.output.dense");
  }

  /** The LayerNorm before the feed-forward network. */
  public LayerNormWeights feedForwardNorm(int layer) {
    return layerNorm(layerName(layer) + "LayerNorm");
  }

  /** The feed-forward network's first layer, from hidden to intermediate size. */
  public LinearWeights intermediate(int layer) {
    return linear(
        layerName(layer) + "intermediate.dense", config.hiddenSize(), config.intermediateSize());
  }

  /** The feed-forward network's second layer, from intermediate to hidden size. */
  public LinearWeights output(int layer) {
    return linear(
        layerName(layer) + "output.dense", config.intermediateSize(), config.hiddenSize());
  }

  private String layerName(int layer) {
    return prefix + "encoder.layer." + layer + ".";
  }

  /**
   * Rotary frequencies, [headDim / 2]: those the file stores, as Hugging Face uses them, or where
   * it stores none those of {@code rope_theta}. Some writers store them once, under a literal '*'.
   */
  public float[] inverseFrequency() {
    for (String layer : List.of("0", "*")) {
      String name =
          prefix + "encoder.layer." + layer + ".attention.self.rotary_embeddings.inv_freq";
      if (fileOfTensor.containsKey(name)) {
        return floats(name, config.headDim() / 2);
      }
    }
    return RotaryEmbedding.inverseFrequency(config.headDim(), config.ropeTheta());
  }

  /** The LayerNorm after the last layer. */
  public LayerNormWeights finalNorm() {
    return layerNorm(prefix + "encoder.emb_layer_norm_after");
  }

  /** Whether there is a {@link #lmHead}. */
  public boolean hasLmHead() {
    return fileOfTensor.containsKey("lm_head.dense.weight");
  }

  /** The language-model head, or empty where the folder holds the bare encoder. */
  public Optional<LmHeadWeights> lmHead() {
    if (!hasLmHead()) {
      return Optional.empty();
    }
    int hidden = config.hiddenSize();
    float[] decoder =
        config.tiedWordEmbeddings()
            ? wordEmbeddings()
            : floats("lm_head.decoder.weight", config.vocabularySize(), hidden);
    return Optional.of(
        new LmHeadWeights(
            linear("lm_head.dense", hidden, hidden),
            layerNorm("lm_head.layer_norm"),
            new LinearWeights(
                hidden,
                config.vocabularySize(),
                decoder,
                floats("lm_head.bias", config.vocabularySize()))));
  }

  /**
   * SHA-256, in hex, over the configuration and over names, types, shapes and bytes of all tensors
   * in the order of their names: the same model hashes alike in one file or in shards. Reads the
   * whole model once.
   */
  public String hash() {
    String value = hash;
    if (value == null) {
      value = computeHash();
      hash = value;
    }
    return value;
  }

  private String computeHash() {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
    digest.update((config.toString() + '\n').getBytes(StandardCharsets.UTF_8));
    fileOfTensor.forEach(
        (name, file) -> {
          SafetensorsFile.Tensor tensor = file.tensors().get(name);
          String header = name + ' ' + tensor.type() + ' ' + Arrays.toString(tensor.shape()) + '\n';
          digest.update(header.getBytes(StandardCharsets.UTF_8));
          ByteBuffer bytes = file.bytes(tensor);
          digest.update(bytes);
        });
    return HexFormat.of().formatHex(digest.digest());
  }

  private static Set<String> fileNames(Path folder) {
    Path index = folder.resolve(INDEX_FILE);
    if (Files.isRegularFile(folder.resolve(SINGLE_FILE))) {
      return Set.of(SINGLE_FILE);
    }
    if (!Files.isRegularFile(index)) {
      throw new TurboEsmException(
          folder
              + ": neither "
              + SINGLE_FILE
              + " nor "
              + INDEX_FILE
              + " is there; other formats (pytorch_model.bin) must be converted to safetensors");
    }
    try {
      JsonNode map = new ObjectMapper().readTree(index.toFile()).path("weight_map");
      Set<String> names = new LinkedHashSet<>();
      map.elements().forEachRemaining(file -> names.add(file.asText()));
      if (names.isEmpty()) {
        throw new TurboEsmException(index + ": weight_map is missing or empty");
      }
      for (String name : names) {
        if (!Files.isRegularFile(folder.resolve(name))) {
          throw new TurboEsmException(
              folder.resolve(name) + ": no such file, but " + INDEX_FILE + " names this shard");
        }
      }
      return names;
    } catch (IOException e) {
      throw new TurboEsmException(index + ": not readable as JSON: " + e.getMessage(), e);
    }
  }

  private void checkShapes() {
    int hidden = config.hiddenSize();
    int intermediate = config.intermediateSize();
    requireShape(prefix + "embeddings.word_embeddings.weight", config.vocabularySize(), hidden);
    for (int i = 0; i < config.layers(); i++) {
      String name = prefix + "encoder.layer." + i + ".";
      requireLayerNorm(name + "attention.LayerNorm");
      for (String projection : List.of("query", "key", "value")) {
        requireLinear(name + "attention.self." + projection, hidden, hidden);
      }
      requireLinear(name + "attention.output.dense", hidden, hidden);
      requireLayerNorm(name + "LayerNorm");
      requireLinear(name + "intermediate.dense", hidden, intermediate);
      requireLinear(name + "output.dense", intermediate, hidden);
    }
    requireLayerNorm(prefix + "encoder.emb_layer_norm_after");
  }

  private void requireLinear(String name, int inputs, int outputs) {
    requireShape(name + ".weight", outputs, inputs);
    requireShape(name + ".bias", outputs);
  }

  private void requireLayerNorm(String name) {
    requireShape(layerNormTensor(name, "weight", "gamma"), config.hiddenSize());
    requireShape(layerNormTensor(name, "bias", "beta"), config.hiddenSize());
  }

  private LinearWeights square(String name) {
    return linear(name, config.hiddenSize(), config.hiddenSize());
  }

  private LinearWeights linear(String name, int inputs, int outputs) {
    return new LinearWeights(
        inputs,
        outputs,
        floats(name + ".weight", outputs, inputs),
        floats(name + ".bias", outputs));
  }

  private LayerNormWeights layerNorm(String name) {
    return new LayerNormWeights(
        floats(layerNormTensor(name, "weight", "gamma"), config.hiddenSize()),
        floats(layerNormTensor(name, "bias", "beta"), config.hiddenSize()));
  }

  /** Newer writers call a LayerNorm's weight and bias gamma and beta. */
  private String layerNormTensor(String name, String classic, String newer) {
    String newerName = name + "." + newer;
    return fileOfTensor.containsKey(newerName) ? newerName : name + "." + classic;
  }

  private float[] floats(String name, long... shape) {
    return requireShape(name, shape).floats(name);
  }

  private SafetensorsFile requireShape(String name, long... shape) {
    SafetensorsFile file = fileOfTensor.get(name);
    if (file == null) {
      throw new TurboEsmException(
          folder
              + ": tensor "
              + name
              + " of shape "
              + Arrays.toString(shape)
              + " is missing from "
              + files.stream().map(f -> f.path().getFileName().toString()).toList());
    }
    long[] found = file.tensors().get(name).shape();
    if (!Arrays.equals(found, shape)) {
      throw new TurboEsmException(
          file.path()
              + ": tensor "
              + name
              + " has shape "
              + Arrays.toString(found)
              + ", expected "
              + Arrays.toString(shape)
              + " from config.json");
    }
    return file;
  }

  @Override
  public void close() {
    files.forEach(SafetensorsFile::close);
  }
}
