package org.turboesm.engine.cuda;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.ToIntFunction;
import java.util.stream.IntStream;
import org.turboesm.kv.HeadCodec;

/** How {@code packed_decode.cu} reads one layer, and what it has in shared memory. */
final class PackedDecodePlan {
  /** Warps of a block of threads; {@code packed_decode.cu} says the same. */
  private static final int WARPS = 4;

  /**
   * Blocks of tokens of a split; {@code packed_decode.cu} says the same. It is fixed, so that the
   * order of a sequence's sums does not depend on what else is decoded beside it: eight blocks for
   * each warp share what a split sets up.
   */
  static final int BLOCKS_PER_SPLIT = 32;

  private static final int LANES = 32;

  /** Blocks of a warp that are staged at once at most; {@code packed_decode.cu} says the same. */
  private static final int MAX_STAGED_BLOCKS = 4;

  /** Four blocks of threads, 16 warps, in the 228 KiB of an H100's multiprocessor. */
  private static final int WANTED_SHARED_BYTES = 56 << 10;

  /** Bytes of {@code struct head_plan}: four ints and, for up to four sets, two. */
  private static final int PLAN_BYTES = 48;

  private static final int MAX_SETS = 4;

  /** A lane of value channels may look for planes behind the last. */
  private static final int WORDS_BEHIND_STAGES = 8;

  private final int headDim;
  private final List<KeyTables> keys;
  private final List<ValueTables> values;
  private final int tableFloats;
  private final int stageWords;
  private final int stagedBlocks;

  PackedDecodePlan(List<HeadCodec> heads) {
    this.headDim = heads.get(0).headDim();
    this.keys = heads.stream().map(head -> new KeyTables(head.keyCodebook())).toList();
    this.values = heads.stream().map(head -> new ValueTables(head.valueCodebook())).toList();
    this.tableFloats =
        roundUp(
            IntStream.of(
                    largest(keys, KeyTables::chunkFloats),
                    largest(values, ValueTables::sharedFloats),
                    WARPS * (2 + headDim))
                .max()
                .orElseThrow());
    this.stageWords = roundUp(largest(heads, PackedDecodePlan::words));
    int staged = MAX_STAGED_BLOCKS;
    while (staged > 1 && sharedBytes(staged) > WANTED_SHARED_BYTES) {
      staged /= 2;
    }
    this.stagedBlocks = staged;
  }

  private static <T> int largest(List<T> heads, ToIntFunction<T> size) {
    return heads.stream().mapToInt(size).max().orElseThrow();
  }

  /** Words of a head's keys or values in a block, whichever are more. */
  private static int words(HeadCodec head) {
    int keyWords = head.layout().valueWordsOffset();
    return Math.max(keyWords, head.layout().wordsPerBlock() - keyWords);
  }

  private static int roundUp(int words) {
    return (words + 3) / 4 * 4;
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(Math.max(bytes, Integer.BYTES)).order(ByteOrder.nativeOrder());
  }

  private static <T> byte[] joined(
      List<T> heads, ToIntFunction<T> bytes, BiConsumer<T, ByteBuffer> write) {
    return joined(heads, bytes, head -> 0, (head, target, first) -> write.accept(head, target));
  }

  /** Writes what refers to what each head has so many of. */
  private static <T> byte[] joined(
      List<T> heads, ToIntFunction<T> bytes, ToIntFunction<T> counted, CountingWriter<T> writer) {
    ByteBuffer all = buffer(heads.stream().mapToInt(bytes).sum());
    int first = 0;
    for (T head : heads) {
      writer.write(head, all, first);
      first += counted.applyAsInt(head);
    }
    return all.array();
  }

  private interface CountingWriter<T> {
    void write(T head, ByteBuffer target, int first);
  }

  /** [heads] {@code struct head_plan}. */
  byte[] plans() {
    ByteBuffer plans = buffer(keys.size() * PLAN_BYTES);
    int window = 0;
    int table = 0;
    int valueTable = 0;
    for (int h = 0; h < keys.size(); h++) {
      plans.putInt(window).putInt(keys.get(h).windowCount());
      plans.putInt(table).putInt(keys.get(h).tableCount());
      for (int set = 0; set < MAX_SETS; set++) {
        boolean present = set < ValueTables.sets(headDim);
        plans.putInt(present ? values.get(h).bits(set) : 0).putInt(valueTable);
        valueTable += present ? values.get(h).tableFloats(set) : 0;
      }
      window += keys.get(h).windowCount();
      table += keys.get(h).tableCount();
    }
    return plans.array();
  }

  /** {@code struct window}, of all heads. */
  byte[] windows() {
    return joined(
        keys,
        head -> head.windowCount() * KeyTables.WINDOW_BYTES,
        KeyTables::partCount,
        KeyTables::writeWindows);
  }

  /** {@code struct key_table}, of all heads. */
  byte[] keyTables() {
    return joined(keys, head -> head.tableCount() * KeyTables.TABLE_BYTES, KeyTables::writeTables);
  }

  /** What four entries of the key tables are made of, of all heads. */
  byte[] keyParts() {
    return joined(
        keys,
        head -> head.partCount() * KeyTables.PART_BYTES,
        KeyTables::factorCount,
        KeyTables::writeParts);
  }

  /** Floats: the centroids that queries are multiplied with, of all heads. */
  byte[] keyFactors() {
    return joined(
        keys,
        head -> head.factorCount() * KeyTables.PART_ENTRIES * Float.BYTES,
        KeyTables::writeFactors);
  }

  /** Floats, [heads, headDim]: the centroids of key channels without bits, else zero. */
  byte[] keyConstants() {
    return joined(keys, head -> headDim * Float.BYTES, KeyTables::writeConstants);
  }

  /** {@code struct value_lane}, [heads, sets, 32]. */
  byte[] valueLanes() {
    int bytes = ValueTables.sets(headDim) * LANES * ValueTables.LANE_BYTES;
    return joined(values, head -> bytes, ValueTables::writeLanes);
  }

  /** Floats: the value tables of all heads. */
  byte[] valueTables() {
    return joined(
        values,
        head ->
            IntStream.range(0, ValueTables.sets(headDim)).map(head::tableFloats).sum()
                * Float.BYTES,
        ValueTables::writeTables);
  }

  /** Windows of a head at most. */
  int maxWindows() {
    return largest(keys, KeyTables::windowCount);
  }

  /** Key tables of a head at most. */
  int maxTables() {
    return largest(keys, KeyTables::tableCount);
  }

  /** Floats of the tables that are in shared memory at a time. */
  int tableFloats() {
    return tableFloats;
  }

  /** Words that a head's keys or values of one block take at most. */
  int stageWords() {
    return stageWords;
  }

  /** Threads of a block. */
  static int threads() {
    return WARPS * LANES;
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
    int floats =
        tableFloats
            + BLOCKS_PER_SPLIT * LANES
            + roundUp(headDim)
            + WARPS * staged * (stageWords + 4)
            + WORDS_BEHIND_STAGES;
    return floats * Float.BYTES
        + maxTables() * KeyTables.TABLE_BYTES
        + maxWindows() * KeyTables.WINDOW_BYTES;
  }
}
