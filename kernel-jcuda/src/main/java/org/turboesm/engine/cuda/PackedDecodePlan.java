package org.turboesm.engine.cuda;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.HeadCodec;

/**
 * How {@code packed_decode.cu} reads one layer's keys: windows of 32 planes whose codes have one
 * width, and tables of up to eight bits that several narrow codes share. Tables are taken in chunks
 * that shared memory has room for; there is one chunk but for wide codes of wide heads.
 */
final class PackedDecodePlan {
  /** Warps of a block; {@code packed_decode.cu} says the same. */
  static final int WARPS = 4;

  /** Blocks of tokens that a warp takes at most; {@code packed_decode.cu} says the same. */
  static final int BLOCKS_PER_WARP = 4;

  private static final int LANES = 32;
  private static final int MAX_GROUPS = 8;
  private static final int GROUP_CHANNELS = 8;

  /** Bytes of {@code struct window}. */
  static final int WINDOW_BYTES = 16 + LANES * Short.BYTES + MAX_GROUPS * GROUP_CHANNELS;

  private static final int NO_PLANE = 0xFFFF;

  /** Codes of one, two and three bits share tables of six. */
  private static final int SHARED_BITS = 6;

  /** Tables of a chunk at most, in floats: 16 KiB leave room for several blocks of threads. */
  private static final int CHUNK_FLOATS = 4096;

  /** The tables begin at a multiple of the largest, 256 floats. */
  private static final int TABLE_ALIGNMENT = 1024;

  /** Subsets of four tokens, whose sums lie behind the tables at a multiple of their size. */
  private static final int SUBSETS = 16;

  /** A warp's sums over subsets of four tokens, and its weights. */
  private static final int FLOATS_OF_WARP = 8 * SUBSETS + LANES;

  private final int headDim;
  private final byte[] windows;
  private final int[] firstWindows;
  private final int maxWindows;
  private final int tableFloats;
  private final int stageWords;

  /** One table: the channels of its index, the lowest bits' first. */
  private record Group(int codeBits, List<Integer> channels) {}

  PackedDecodePlan(List<HeadCodec> heads) {
    this.headDim = heads.get(0).headDim();
    this.firstWindows = new int[heads.size() + 1];
    List<byte[]> all = new ArrayList<>();
    int largestTables = 2 * WARPS + WARPS * headDim;
    int mostWindows = 0;
    int mostPlanes = 0;
    for (int h = 0; h < heads.size(); h++) {
      HeadCodec head = heads.get(h);
      HeadWindows own = new HeadWindows(head.keyCodebook());
      all.addAll(own.encoded);
      firstWindows[h + 1] = all.size();
      largestTables = Math.max(largestTables, own.largestChunk);
      mostWindows = Math.max(mostWindows, own.encoded.size());
      int keyPlanes = head.layout().valueWordsOffset();
      int valuePlanes = head.layout().wordsPerBlock() - keyPlanes;
      mostPlanes = Math.max(mostPlanes, Math.max(keyPlanes, valuePlanes));
    }
    this.windows = new byte[Math.max(1, all.size()) * WINDOW_BYTES];
    for (int i = 0; i < all.size(); i++) {
      System.arraycopy(all.get(i), 0, windows, i * WINDOW_BYTES, WINDOW_BYTES);
    }
    this.maxWindows = mostWindows;
    this.tableFloats = (largestTables + SUBSETS - 1) / SUBSETS * SUBSETS;
    this.stageWords = roundUp(mostPlanes);
  }

  /** [windows], each as {@code struct window} lies in memory. */
  byte[] windows() {
    return windows;
  }

  /** [heads + 1], where each head's windows start. */
  int[] firstWindows() {
    return firstWindows;
  }

  int maxWindows() {
    return maxWindows;
  }

  /** Floats of the largest chunk of tables. */
  int tableFloats() {
    return tableFloats;
  }

  /** Words that a head's keys or values of one block take at most. */
  int stageWords() {
    return stageWords;
  }

  /** Dynamic shared memory of one block of threads. */
  int sharedBytes() {
    int floats =
        tableFloats
            + roundUp(headDim)
            + maxWindows * WINDOW_BYTES / Float.BYTES
            + WARPS * (BLOCKS_PER_WARP * (stageWords + 4) + FLOATS_OF_WARP);
    return TABLE_ALIGNMENT + floats * Float.BYTES;
  }

  private static int roundUp(int words) {
    return (words + 3) / 4 * 4;
  }

  /** The windows of one head. */
  private static final class HeadWindows {
    private final Codebook codebook;
    private final List<byte[]> encoded = new ArrayList<>();
    private int chunk;
    private int chunkFloats;
    private int largestChunk;

    /** Tables of one size that are read together. */
    private record Window(int groupBits, List<Group> groups) {}

    HeadWindows(Codebook codebook) {
      this.codebook = codebook;
      List<Window> windows = new ArrayList<>();
      int first = 0;
      while (first < codebook.codedChannels()) {
        int bits = codebook.bits(codebook.widestFirst(first));
        int end = first;
        while (end < codebook.codedChannels() && codebook.bits(codebook.widestFirst(end)) == bits) {
          end++;
        }
        windows.addAll(windows(bits, first, end));
        first = end;
      }
      // The largest tables first, so that each starts at a multiple of its size.
      windows.sort(Comparator.comparingInt(window -> -window.groupBits()));
      windows.forEach(this::add);
      largestChunk = Math.max(largestChunk, chunkFloats);
    }

    /** Channels of one width, from {@code first} to {@code end} in the order of widths. */
    private List<Window> windows(int bits, int first, int end) {
      int channelsOfGroup = bits >= 4 ? 1 : SHARED_BITS / bits;
      List<Group> groups = new ArrayList<>();
      for (int i = first; i < end; i += channelsOfGroup) {
        List<Integer> channels = new ArrayList<>();
        for (int k = i; k < Math.min(end, i + channelsOfGroup); k++) {
          channels.add(codebook.widestFirst(k));
        }
        groups.add(new Group(bits, channels));
      }
      int groupBits = bits * channelsOfGroup;
      int groupsOfWindow = LANES / groupBits;
      List<Window> windows = new ArrayList<>();
      for (int i = 0; i < groups.size(); i += groupsOfWindow) {
        windows.add(
            new Window(groupBits, groups.subList(i, Math.min(groups.size(), i + groupsOfWindow))));
      }
      return windows;
    }

    private void add(Window added) {
      int groupBits = added.groupBits();
      List<Group> groups = added.groups();
      int floats = groups.size() << groupBits;
      if (chunkFloats > 0 && chunkFloats + floats > CHUNK_FLOATS) {
        largestChunk = Math.max(largestChunk, chunkFloats);
        chunkFloats = 0;
        chunk++;
      }
      ByteBuffer window = ByteBuffer.allocate(WINDOW_BYTES).order(ByteOrder.nativeOrder());
      window.putShort((short) groupBits);
      window.putShort((short) groups.get(0).codeBits());
      window.putShort((short) groups.size());
      window.putShort((short) chunk);
      window.putInt(chunkFloats);
      window.putInt(0);
      for (int plane : planes(groupBits, groups)) {
        window.putShort((short) plane);
      }
      for (int g = 0; g < MAX_GROUPS; g++) {
        for (int k = 0; k < GROUP_CHANNELS; k++) {
          boolean present = g < groups.size() && k < groups.get(g).channels().size();
          window.put((byte) (present ? groups.get(g).channels().get(k) : -1));
        }
      }
      encoded.add(window.array());
      chunkFloats += floats;
    }

    /** The key plane of each lane: after the exchange of bits, lane and bit have changed places. */
    private int[] planes(int groupBits, List<Group> groups) {
      int[] planes = new int[LANES];
      Arrays.fill(planes, NO_PLANE);
      for (int g = 0; g < groups.size(); g++) {
        Group group = groups.get(g);
        for (int k = 0; k < group.channels().size(); k++) {
          int lane = g * groupBits + k * group.codeBits();
          for (int p = 0; p < group.codeBits(); p++) {
            planes[lane + p] = codebook.plane(group.channels().get(k)) + p;
          }
        }
      }
      return planes;
    }
  }
}
