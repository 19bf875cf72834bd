package org.turboesm.engine.cuda;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.ToIntFunction;
import java.util.stream.Stream;
import org.turboesm.kv.Codebook;

/**
 * How {@code packed_decode.cu} reads one head's keys: tables of up to eight bits, which narrow
 * codes share, and windows of 32 planes, in which a table's codes lie side by side. Tables are
 * taken in chunks that shared memory has room for; there is one chunk but for wide codes of wide
 * heads.
 */
final class KeyTables {
  /** Bytes of {@code struct window}. */
  static final int WINDOW_BYTES = 80;

  /** Bytes of {@code struct key_table}. */
  static final int TABLE_BYTES = 16;

  /** Bytes of what four entries of a table are made of, as {@code build_tables} reads it. */
  static final int PART_BYTES = 16;

  /** Entries of a part: factors come in fours. */
  static final int PART_ENTRIES = 4;

  /** The index of a table that codes share: 64 floats, two to a bank of shared memory. */
  private static final int SHARED_BITS = 6;

  /** Tables of a chunk at most, in floats: 32 KiB leave room for several blocks of threads. */
  private static final int CHUNK_FLOATS = 8192;

  private static final int LANES = 32;

  /** Codes of one bit that share a table. */
  private static final int TABLE_CHANNELS = 6;

  private final Codebook codebook;
  private final List<Chunk> chunks = new ArrayList<>();

  /** A table: the channels whose codes are its index, the lowest bits' first. */
  private final class Table {
    private final List<Integer> channels = new ArrayList<>();
    private int bits;
    private int position;
    private int offsetFloats;

    void add(int channel) {
      channels.add(channel);
      bits += codebook.bits(channel);
    }

    boolean takes(int moreBits) {
      return bits + moreBits <= SHARED_BITS;
    }

    int parts() {
      return Math.max(1, (1 << bits) / PART_ENTRIES);
    }

    int floats() {
      return parts() * PART_ENTRIES;
    }

    /** Factors, in fours. */
    int factors() {
      return parts() * channels.size();
    }

    List<Integer> planes() {
      List<Integer> planes = new ArrayList<>();
      for (int channel : channels) {
        for (int p = 0; p < codebook.bits(channel); p++) {
          planes.add(codebook.plane(channel) + p);
        }
      }
      return planes;
    }
  }

  /** Tables that are read together. */
  private static final class Window {
    private final List<Table> tables = new ArrayList<>();
    private int planes;

    void add(Table table) {
      table.position = planes;
      tables.add(table);
      planes += table.bits;
    }

    boolean takes(Table table) {
      return planes + table.bits <= LANES;
    }

    int floats() {
      return tables.stream().mapToInt(Table::floats).sum();
    }
  }

  /** Windows whose tables are in shared memory at a time. */
  private static final class Chunk {
    private final List<Window> windows = new ArrayList<>();

    Stream<Table> tables() {
      return windows.stream().flatMap(window -> window.tables.stream());
    }

    int floats() {
      return tables().mapToInt(Table::floats).sum();
    }

    int parts() {
      return tables().mapToInt(Table::parts).sum();
    }

    /** The largest first, so that each starts at a multiple of its size. */
    void placeTables() {
      int floats = 0;
      for (Table table : tables().sorted(Comparator.comparingInt(t -> -t.bits)).toList()) {
        table.offsetFloats = floats;
        floats += table.floats();
      }
    }
  }

  KeyTables(Codebook codebook) {
    this.codebook = codebook;
    for (Window window : windows(tablesOfCodes())) {
      Chunk last = chunks.isEmpty() ? null : chunks.get(chunks.size() - 1);
      if (last == null || last.floats() + window.floats() > CHUNK_FLOATS) {
        last = new Chunk();
        chunks.add(last);
      }
      last.windows.add(window);
    }
    chunks.forEach(Chunk::placeTables);
  }

  /** Each code in the table where it leaves the least room; the largest tables first. */
  private List<Table> tablesOfCodes() {
    List<Table> tables = new ArrayList<>();
    for (int i = 0; i < codebook.codedChannels(); i++) {
      int channel = codebook.widestFirst(i);
      Table fullest =
          tables.stream()
              .filter(table -> table.takes(codebook.bits(channel)))
              .max(Comparator.comparingInt(table -> table.bits))
              .orElse(null);
      if (fullest == null) {
        fullest = new Table();
        tables.add(fullest);
      }
      fullest.add(channel);
    }
    tables.sort(Comparator.comparingInt(table -> -table.bits));
    return tables;
  }

  private static List<Window> windows(List<Table> tables) {
    List<Window> windows = new ArrayList<>();
    for (Table table : tables) {
      Window first =
          windows.stream().filter(window -> window.takes(table)).findFirst().orElse(null);
      if (first == null) {
        first = new Window();
        windows.add(first);
      }
      first.add(table);
    }
    return windows;
  }

  private int sum(ToIntFunction<Table> size) {
    return chunks.stream().flatMap(Chunk::tables).mapToInt(size).sum();
  }

  int windowCount() {
    return chunks.stream().mapToInt(chunk -> chunk.windows.size()).sum();
  }

  int tableCount() {
    return sum(table -> 1);
  }

  int partCount() {
    return sum(Table::parts);
  }

  /** Factors, in fours. */
  int factorCount() {
    return sum(Table::factors);
  }

  /** Floats of the largest chunk of tables. */
  int chunkFloats() {
    return chunks.stream().mapToInt(Chunk::floats).max().orElse(0);
  }

  /**
   * Each {@code struct window}, chunk by chunk.
   *
   * @param firstPart where this head's parts start among the layer's
   */
  void writeWindows(ByteBuffer target, int firstPart) {
    int table = 0;
    int part = firstPart;
    int chunkEnd = 0;
    for (Chunk chunk : chunks) {
      chunkEnd += chunk.windows.size();
      for (Window window : chunk.windows) {
        List<Integer> planes =
            window.tables.stream().flatMap(own -> own.planes().stream()).toList();
        for (int lane = 0; lane < LANES; lane++) {
          // Lanes without a plane read a neighbour's, which costs nothing.
          int plane = planes.get(Math.min(lane, planes.size() - 1));
          target.putShort((short) plane);
        }
        target.putShort((short) table).putShort((short) window.tables.size());
        target.putInt(chunkEnd).putInt(part).putInt(part + chunk.parts());
        table += window.tables.size();
      }
      part += chunk.parts();
    }
  }

  /** Each {@code struct key_table}, window by window. */
  void writeTables(ByteBuffer target) {
    chunks.stream()
        .flatMap(Chunk::tables)
        .forEach(
            table -> {
              target.putInt(Math.floorMod(table.position - 2, LANES));
              target.putInt((1 << table.bits) - 1 << 2);
              target.putInt(table.offsetFloats * Float.BYTES);
              target.putInt(0);
            });
  }

  /**
   * Each part, table by table.
   *
   * @param firstFactor where this head's factors start among the layer's, in fours
   */
  void writeParts(ByteBuffer target, int firstFactor) {
    int factor = firstFactor;
    for (Table table : chunks.stream().flatMap(Chunk::tables).toList()) {
      for (int part = 0; part < table.parts(); part++) {
        target.putInt((table.offsetFloats + part * PART_ENTRIES) * Float.BYTES);
        target.putInt(factor);
        for (int k = 0; k < TABLE_CHANNELS; k++) {
          target.put((byte) (k < table.channels.size() ? table.channels.get(k) : 0));
        }
        target.putShort((short) table.channels.size());
        factor += table.channels.size();
      }
    }
  }

  /** For each part, and channel of its table, the centroids of four indices. */
  void writeFactors(ByteBuffer target) {
    for (Table table : chunks.stream().flatMap(Chunk::tables).toList()) {
      for (int first = 0; first < table.floats(); first += PART_ENTRIES) {
        int shift = 0;
        for (int channel : table.channels) {
          int mask = (1 << codebook.bits(channel)) - 1;
          for (int index = first; index < first + PART_ENTRIES; index++) {
            target.putFloat(codebook.centroid(channel, index >> shift & mask));
          }
          shift += codebook.bits(channel);
        }
      }
    }
  }

  /** The centroids of channels without bits, else zero: [headDim]. */
  void writeConstants(ByteBuffer target) {
    for (int c = 0; c < codebook.headDim(); c++) {
      target.putFloat(codebook.bits(c) == 0 ? codebook.centroid(c, 0) : 0);
    }
  }
}
