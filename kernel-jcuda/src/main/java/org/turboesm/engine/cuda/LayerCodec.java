package org.turboesm.engine.cuda;

import java.util.ArrayList;
import java.util.List;
import org.turboesm.cuda.CudaContext;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.kv.AffineMap;
import org.turboesm.kv.ChannelRange;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.HeadCodec;

/**
 * The codec of one layer on the device: what {@code kv_cache.cuh} declares, the maps of keys and
 * queries, and how decode reads keys and values.
 */
final class LayerCodec implements AutoCloseable {
  private static final int LAYOUT_INTS = 4;
  private static final int CODE_INTS = 4;

  /** A head's words start at multiples of 16 bytes, so that they can be copied so. */
  static final int WORD_ALIGNMENT = 4;

  private final List<DeviceBuffer> buffers = new ArrayList<>();
  private final CudaContext context;
  private final PackedDecodePlan decodePlan;
  private final int wordsPerSlot;
  private final boolean tokenScaledValues;
  private final DeviceBuffer layouts;
  private final DeviceBuffer channels;
  private final DeviceBuffer centroids;
  private final DeviceBuffer thresholds;
  private final DeviceBuffer keyMaps;
  private final DeviceBuffer keyBiases;
  private final DeviceBuffer queryMaps;
  private final DeviceBuffer queryBiases;
  private final DeviceBuffer decodePlans;
  private final DeviceBuffer decodeLanes;
  private final DeviceBuffer decodeTables;
  private final DeviceBuffer ranges;

  LayerCodec(CudaContext context, List<HeadCodec> heads) {
    this.context = context;
    this.decodePlan = new PackedDecodePlan(heads, context.device().sharedBytesPerBlock());
    this.wordsPerSlot = heads.stream().mapToInt(LayerCodec::alignedWords).sum();
    this.tokenScaledValues = heads.stream().anyMatch(HeadCodec::tokenScaledValues);
    try {
      layouts = keep(layouts(heads));
      List<Codebook> codebooks =
          heads.stream()
              .flatMap(head -> java.util.stream.Stream.of(head.keyCodebook(), head.valueCodebook()))
              .toList();
      channels = keep(channels(codebooks));
      centroids = keep(joined(codebooks, Codebook::centroids));
      thresholds = keep(joined(codebooks, LayerCodec::thresholdTrees));
      keyMaps = keep(matrices(heads.stream().map(HeadCodec::key).toList()));
      keyBiases = keep(biases(heads.stream().map(HeadCodec::key).toList()));
      queryMaps = keep(matrices(heads.stream().map(HeadCodec::query).toList()));
      queryBiases = keep(biases(heads.stream().map(HeadCodec::query).toList()));
      decodePlans = keep(decodePlan.plans());
      decodeLanes = keep(decodePlan.lanes());
      decodeTables = keep(decodePlan.tables());
      ranges = keep(ranges(heads));
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /** Words of one head in a slot, with the padding behind them. */
  private static int alignedWords(HeadCodec head) {
    return aligned(head.layout().wordsPerBlock());
  }

  /** Words up to the next multiple of 16 bytes. */
  static int aligned(int words) {
    return (words + WORD_ALIGNMENT - 1) / WORD_ALIGNMENT * WORD_ALIGNMENT;
  }

  private DeviceBuffer keep(DeviceBuffer buffer) {
    buffers.add(buffer);
    return buffer;
  }

  private DeviceBuffer keep(float[] values) {
    return keep(DeviceBuffer.of(context, values, "a codec's tables"));
  }

  private DeviceBuffer keep(int[] values) {
    return keep(DeviceBuffer.of(context, values, "a codec's tables"));
  }

  private DeviceBuffer keep(byte[] values) {
    return keep(DeviceBuffer.of(context, values, "a codec's tables"));
  }

  private static int[] layouts(List<HeadCodec> heads) {
    int[] layouts = new int[heads.size() * LAYOUT_INTS];
    int firstWord = 0;
    for (int h = 0; h < heads.size(); h++) {
      HeadCodec head = heads.get(h);
      int keyPlanes = head.layout().valueWordsOffset();
      layouts[h * LAYOUT_INTS] = firstWord;
      layouts[h * LAYOUT_INTS + 1] = keyPlanes;
      layouts[h * LAYOUT_INTS + 2] = head.layout().wordsPerBlock() - keyPlanes;
      layouts[h * LAYOUT_INTS + 3] = head.tokenScaledValues() ? 1 : 0;
      firstWord += alignedWords(head);
    }
    return layouts;
  }

  /** Of each head its keys' channels, then its values'; value planes count on from the keys'. */
  private static int[] channels(List<Codebook> codebooks) {
    int headDim = codebooks.get(0).headDim();
    int[] channels = new int[codebooks.size() * headDim * CODE_INTS];
    int table = 0;
    int plane = 0;
    for (int i = 0; i < codebooks.size(); i++) {
      Codebook codebook = codebooks.get(i);
      boolean keys = i % 2 == 0;
      plane = keys ? 0 : plane;
      for (int c = 0; c < headDim; c++) {
        int offset = (i * headDim + c) * CODE_INTS;
        channels[offset] = plane;
        channels[offset + 1] = codebook.bits(c);
        channels[offset + 2] = table + codebook.offset(c);
        plane += codebook.bits(c);
      }
      table += codebook.size();
    }
    return channels;
  }

  private static float[] joined(
      List<Codebook> codebooks, java.util.function.Function<Codebook, float[]> tables) {
    float[] joined = new float[codebooks.stream().mapToInt(Codebook::size).sum()];
    int offset = 0;
    for (Codebook codebook : codebooks) {
      System.arraycopy(tables.apply(codebook), 0, joined, offset, codebook.size());
      offset += codebook.size();
    }
    return joined;
  }

  /**
   * Each channel's thresholds as a search tree, level by level from its table's entry 1 on: below
   * entry i lie 2 * i and, above it, 2 * i + 1.
   */
  private static float[] thresholdTrees(Codebook codebook) {
    float[] trees = new float[codebook.size()];
    for (int c = 0; c < codebook.headDim(); c++) {
      int offset = codebook.offset(c);
      int codes = 1 << codebook.bits(c);
      for (int node = 1; node < codes; node++) {
        int level = Integer.highestOneBit(node);
        // The nodes of a level cut the ascending thresholds into parts of one length.
        int part = codes / level;
        int inLevel = node - level;
        trees[offset + node] = codebook.thresholds()[offset + inLevel * part + part / 2 - 1];
      }
    }
    return trees;
  }

  private static float[] matrices(List<AffineMap> maps) {
    int size = maps.get(0).size();
    float[] matrices = new float[maps.size() * size * size];
    for (int h = 0; h < maps.size(); h++) {
      System.arraycopy(maps.get(h).columns(), 0, matrices, h * size * size, size * size);
    }
    return matrices;
  }

  private static float[] biases(List<AffineMap> maps) {
    int size = maps.get(0).size();
    float[] biases = new float[maps.size() * size];
    for (int h = 0; h < maps.size(); h++) {
      System.arraycopy(maps.get(h).bias(), 0, biases, h * size, size);
    }
    return biases;
  }

  /** Of each head its keys' channels, then its values': the smallest and the largest inside. */
  private static float[] ranges(List<HeadCodec> heads) {
    int headDim = heads.get(0).headDim();
    float[] ranges = new float[heads.size() * 2 * headDim * 2];
    int i = 0;
    for (HeadCodec head : heads) {
      for (ChannelRange range : List.of(head.keyRange(), head.valueRange())) {
        for (int c = 0; c < headDim; c++) {
          ranges[i++] = range.smallestInside(c);
          ranges[i++] = range.largestInside(c);
        }
      }
    }
    return ranges;
  }

  PackedDecodePlan decodePlan() {
    return decodePlan;
  }

  /** Words of one block of tokens, all heads. */
  int wordsPerSlot() {
    return wordsPerSlot;
  }

  /** Whether any head's values carry a scale a token. */
  boolean tokenScaledValues() {
    return tokenScaledValues;
  }

  /** [heads], {@code head_layout}. */
  DeviceBuffer layouts() {
    return layouts;
  }

  /** [heads, 2, headDim], {@code channel_code}. */
  DeviceBuffer channels() {
    return channels;
  }

  /** Of all channels, where their codes say. */
  DeviceBuffer centroids() {
    return centroids;
  }

  /** Of all channels, each a search tree as {@code code_of} reads it, at the centroids' places. */
  DeviceBuffer thresholds() {
    return thresholds;
  }

  /** [heads, headDim, headDim], column by column. */
  DeviceBuffer keyMaps() {
    return keyMaps;
  }

  /** [heads, headDim]. */
  DeviceBuffer keyBiases() {
    return keyBiases;
  }

  /** [heads, headDim, headDim], column by column. */
  DeviceBuffer queryMaps() {
    return queryMaps;
  }

  /** [heads, headDim]. */
  DeviceBuffer queryBiases() {
    return queryBiases;
  }

  /** [heads, 2, headDim, 2]: the smallest and the largest that lie inside the calibrated range. */
  DeviceBuffer ranges() {
    return ranges;
  }

  /** [heads], {@code struct head_plan}. */
  DeviceBuffer decodePlans() {
    return decodePlans;
  }

  /** [heads, 2, sets, 32], {@code struct lane_channel}. */
  DeviceBuffer decodeLanes() {
    return decodeLanes;
  }

  /** Where the plans say. */
  DeviceBuffer decodeTables() {
    return decodeTables;
  }

  @Override
  public void close() {
    buffers.forEach(DeviceBuffer::close);
    buffers.clear();
  }
}
