package org.turboesm.engine;

import java.util.List;
import org.turboesm.cuda.DeviceBlas;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.kv.PackedKvLayout;

/**
 * The device memory that one resident model takes, from its sizes alone. H is the hidden size, F
 * the feed-forward block's, V the vocabulary, L the layers, d the head size.
 *
 * <p>Linear layers have weights in {@link #precision}, and biases in float; int8 adds a float scale
 * an output. Everything else, and the language-model head, is float.
 *
 * @param config the model's sizes
 * @param precision of the linear layers
 */
public record MemoryPlan(EsmConfig config, Precision precision) {

  /**
   * Some weights.
   *
   * @param name for people
   */
  public record Part(String name, long bytes) {}

  /**
   * Bytes an element of what the linear layers work on.
   *
   * @param weight of a linear layer's matrix
   * @param activation of queries, keys, values and the attention output
   * @param linearInput what a product reads
   * @param product what a product leaves
   */
  private record ElementBytes(int weight, int activation, int linearInput, int product) {}

  /** Passes that an engine runs at a time, and as many decode sessions that it has open. */
  public static final int LANES = 2;

  /** Words of a head's block are padded to 16 bytes. */
  private static final int WORD_ALIGNMENT = 4;

  /** The codec's maps are kept a second time, in tiles of so many channels. */
  private static final int MAP_TILE = 16;

  /**
   * Channels that decode reads by the lanes of a warp, twice as many at a time if there are more.
   */
  private static final int SET_CHANNELS = 32;

  /** A scale an output channel of int8 weights, and each bias. */
  private static final int VECTOR_BYTES = Float.BYTES;

  private ElementBytes elements() {
    return switch (precision) {
      case INT8 -> new ElementBytes(1, 2, 1, 4);
      case BF16 -> new ElementBytes(2, 2, 2, 2);
      // Formats that only multiply differently store floats.
      default -> new ElementBytes(4, 4, 4, 4);
    };
  }

  private long linear(long inputs, long outputs) {
    int vectors = precision == Precision.INT8 ? 2 : 1;
    return inputs * outputs * elements().weight + vectors * outputs * VECTOR_BYTES;
  }

  private static long fullLinear(long inputs, long outputs) {
    return (inputs + 1) * outputs * Float.BYTES;
  }

  /** The resident weights, part by part. */
  public List<Part> weights() {
    long hidden = config.hiddenSize();
    long intermediate = config.intermediateSize();
    long layers = config.layers();
    long norm = 2 * hidden * Float.BYTES;
    return List.of(
        new Part("word embeddings", config.vocabularySize() * hidden * Float.BYTES),
        new Part("attention, W_q W_k W_v W_o", layers * 4 * linear(hidden, hidden)),
        new Part(
            "feed-forward, W_1 W_2",
            layers * (linear(hidden, intermediate) + linear(intermediate, hidden))),
        new Part("LayerNorm", (2 * layers + 1) * norm),
        new Part("language-model head", lmHeadBytes()));
  }

  /** The language-model head's part of {@link #weights}: a model may lack it. */
  public long lmHeadBytes() {
    long hidden = config.hiddenSize();
    return fullLinear(hidden, hidden)
        + 2 * hidden * Float.BYTES
        + fullLinear(hidden, config.vocabularySize());
  }

  /** All of {@link #weights}. */
  public long weightBytes() {
    return weights().stream().mapToLong(Part::bytes).sum();
  }

  /**
   * What cuBLAS works in, whatever the batch: each lane's own.
   *
   * @param sessions whether decode sessions are opened, which have lanes beside those of passes
   */
  public static long workspaceBytes(boolean sessions) {
    return (sessions ? 2 : 1) * LANES * DeviceBlas.WORKSPACE_BYTES;
  }

  /**
   * What modes turbo and decode keep beside the weights: W_v and W_o of every layer with the
   * codec's value transform folded in. {@link #codecMapBytes} and {@link #codecTableBytes} come on
   * top.
   */
  public long foldedBytes() {
    return config.layers() * 2 * linear(config.hiddenSize(), config.hiddenSize());
  }

  /** The codec's maps of keys and queries, floats, as they are fitted and as kernels read them. */
  public long codecMapBytes() {
    long headDim = config.headDim();
    long tiled = (headDim + MAP_TILE - 1) / MAP_TILE * MAP_TILE;
    long elements = headDim * (headDim + 1) + tiled * tiled;
    return 2L * config.layers() * config.heads() * elements * Float.BYTES;
  }

  /**
   * The codec's look-up tables at most, floats: a centroid and a threshold for each code of a
   * channel, and the columns that decode reads, in sets of 32 channels of their widest code. What
   * they take is known once they are fitted.
   *
   * @param bits a key and a value together, on average
   * @param widestCode of any channel
   */
  public long codecTableBytes(double bits, int widestCode) {
    long headDim = config.headDim();
    long widest = (long) Math.ceil(bits * headDim / widestCode);
    long codes = (widest << widestCode) + 2 * headDim;
    long channelsAtOnce = headDim <= SET_CHANNELS ? SET_CHANNELS : 2 * SET_CHANNELS;
    long turns = (headDim + channelsAtOnce - 1) / channelsAtOnce;
    long columns = 2 * turns * channelsAtOnce << widestCode;
    return (long) config.layers() * config.heads() * (2 * codes + columns) * Float.BYTES;
  }

  /**
   * What a batch takes for each of its tokens, one layer at a time in the same memory:
   *
   * <pre>
   * residual stream            H float
   * q, k, v as products       3H product
   * q, k, v                   3H activation
   * attention output           H activation
   * normed input               H linear input
   * W_1's product              F product
   * W_2's input                F linear input
   * last hidden state          H float
   * </pre>
   *
   * with product, activation and linear input of 4, 4, 4 bytes in f32, 2, 2, 2 in bf16, and 4, 2, 1
   * in int8.
   */
  public long activationBytesPerToken() {
    long hidden = config.hiddenSize();
    long intermediate = config.intermediateSize();
    ElementBytes bytes = elements();
    return 2 * hidden * Float.BYTES
        + (3 * hidden + intermediate) * bytes.product
        + 4 * hidden * bytes.activation
        + (hidden + intermediate) * bytes.linearInput;
  }

  /**
   * The most blocks of {@link PackedKvLayout#BLOCK_TOKENS} that tokens can take in all: each
   * sequence may end in one that is not full.
   */
  private static long blocks(long tokens, long sequences) {
    return (tokens + sequences * (PackedKvLayout.BLOCK_TOKENS - 1)) / PackedKvLayout.BLOCK_TOKENS;
  }

  /**
   * The most that the packed cache of tokens takes, in all layers and heads. The sequences' tails
   * are {@link #tailBytes}, a scale for each token's values {@link #valueScaleBytes}.
   *
   * @param sequences that the tokens are of
   * @param bits of a token in one channel, key and value together; over the channels of each head
   *     they are whole
   */
  public long packedKvBytes(long tokens, long sequences, double bits) {
    long words = Math.round(bits * config.headDim());
    long padded = (words + WORD_ALIGNMENT - 1) / WORD_ALIGNMENT * WORD_ALIGNMENT;
    return blocks(tokens, sequences) * config.layers() * config.heads() * padded * Integer.BYTES;
  }

  /** What a codec that scales each token's values keeps of them beside {@link #packedKvBytes}. */
  public long valueScaleBytes(long tokens, long sequences) {
    return blocks(tokens, sequences)
        * config.layers()
        * config.heads()
        * PackedKvLayout.BLOCK_TOKENS
        * Short.BYTES;
  }

  /** The same cache unpacked, as floats. */
  public long fullKvBytes(long tokens) {
    return 2L * config.layers() * config.hiddenSize() * Float.BYTES * tokens;
  }

  /** The unfilled blocks that wait in full precision, one a sequence. */
  public long tailBytes(long sequences) {
    return 2L
        * config.layers()
        * config.hiddenSize()
        * elements().activation
        * PackedKvLayout.BLOCK_TOKENS
        * sequences;
  }

  /** The most tokens a batch can have in so many bytes; 0 where not one fits. */
  public long largestBatch(long bytes) {
    return Math.max(0, bytes / activationBytesPerToken());
  }
}
