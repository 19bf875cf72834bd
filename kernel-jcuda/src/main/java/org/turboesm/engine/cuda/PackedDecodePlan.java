package org.turboesm.engine.cuda;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.stream.Stream;
import org.turboesm.kv.HeadCodec;

/** How {@code packed_decode.cu} reads one layer, and what it has in shared memory. */
final class PackedDecodePlan {
  /**
   * Blocks of tokens of a split; {@code packed_decode.cu} says the same. It is fixed, so that the
   * order of a sequence's sums does not depend on what else is decoded beside it: eight blocks for
   * each warp share what a split sets up.
   */
  static final int BLOCKS_PER_SPLIT = 32;

  /** Warps of a block of threads; {@code packed_decode.cu} says the same. */
  private static final int WARPS = 4;

  private static final int LANES = 32;

  /** Threads of a block. */
  static final int THREADS = WARPS * LANES;

  /** Blocks of a warp that are staged at once at most; {@code packed_decode.cu} says the same. */
  private static final int MAX_STAGED_BLOCKS = 4;

  /** Blocks of threads that a multiprocessor should have room for: 16 warps hide most latencies. */
  private static final int WANTED_RESIDENT_BLOCKS = 4;

  /** What the driver keeps of each block's shared memory. */
  private static final int RESERVED_SHARED_BYTES = 1024;

  private final int headDim;

  /** [heads, 2]: keys, then values. */
  private final List<ChannelSets> sets;

  private final int tableFloats;
  private final int stageWords;
  private final int stagedBlocks;

  /**
   * @param sharedBytesPerBlock the most shared memory that a block of threads can ask for; what a
   *     multiprocessor has is that and what the driver keeps
   */
  PackedDecodePlan(List<HeadCodec> heads, int sharedBytesPerBlock) {
    this.headDim = heads.get(0).headDim();
    this.sets =
        heads.stream()
            .flatMap(head -> Stream.of(head.keyCodebook(), head.valueCodebook()))
            .map(ChannelSets::new)
            .toList();
    int largest = sets.stream().mapToInt(ChannelSets::sharedFloats).max().orElseThrow();
    this.tableFloats = Math.max(largest, WARPS * (2 + headDim));
    this.stageWords = heads.stream().mapToInt(PackedDecodePlan::stagedWords).max().orElseThrow();
    int staged = MAX_STAGED_BLOCKS;
    for (int fewer = staged - 1; fewer > 0; fewer--) {
      if (residentBlocks(fewer, sharedBytesPerBlock)
          > residentBlocks(staged, sharedBytesPerBlock)) {
        staged = fewer;
      }
    }
    this.stagedBlocks = staged;
  }

  private int residentBlocks(int staged, int sharedBytesPerBlock) {
    int bytes = sharedBytesPerBlock + RESERVED_SHARED_BYTES;
    return Math.min(WANTED_RESIDENT_BLOCKS, bytes / (sharedBytes(staged) + RESERVED_SHARED_BYTES));
  }

  /**
   * Words of a head's keys or values in a block, whichever are more, each with those before and
   * behind that share its first and its last 16 bytes.
   */
  private static int stagedWords(HeadCodec head) {
    int keyWords = head.layout().valueWordsOffset();
    int allWords = head.layout().wordsPerBlock();
    int firstValueWord = keyWords - keyWords % LayerCodec.WORD_ALIGNMENT;
    return Math.max(LayerCodec.aligned(keyWords), LayerCodec.aligned(allWords) - firstValueWord);
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.nativeOrder());
  }

  /** {@code struct head_plan}s: [heads, 2, MAX_SETS] {@code struct channel_set}s. */
  byte[] plans() {
    ByteBuffer plans = buffer(sets.size() * ChannelSets.MAX_SETS * ChannelSets.SET_BYTES);
    int table = 0;
    for (ChannelSets own : sets) {
      own.writeSets(plans, table);
      table += own.tableFloats();
    }
    return plans.array();
  }

  /** {@code struct lane_channel}s, [heads, 2, sets, 32]. */
  byte[] lanes() {
    ByteBuffer lanes =
        buffer(sets.size() * ChannelSets.count(headDim) * LANES * ChannelSets.LANE_BYTES);
    sets.forEach(own -> own.writeLanes(lanes));
    return lanes.array();
  }

  /** Floats: the tables, where the plans say. */
  byte[] tables() {
    ByteBuffer tables =
        buffer(sets.stream().mapToInt(ChannelSets::tableFloats).sum() * Float.BYTES);
    sets.forEach(own -> own.writeTables(tables));
    return tables.array();
  }

  /** Floats of the tables that are in shared memory at a time. */
  int tableFloats() {
    return tableFloats;
  }

  /** Words that a head's keys or values of one block take at most, as they are copied. */
  int stageWords() {
    return stageWords;
  }

  /** Blocks of tokens a warp whose keys or values have room at once. */
  int stagedBlocks() {
    return stagedBlocks;
  }

  /** Dynamic shared memory of one block of threads. */
  int sharedBytes() {
    return sharedBytes(stagedBlocks);
  }

  private int sharedBytes(int staged) {
    int floats = tableFloats + WARPS * staged * stageWords + BLOCKS_PER_SPLIT * LANES;
    return floats * Float.BYTES;
  }
}
