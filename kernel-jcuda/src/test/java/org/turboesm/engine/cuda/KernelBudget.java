package org.turboesm.engine.cuda;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.turboesm.cuda.KernelVariant;

/**
 * What a kernel may take of a multiprocessor, a row of {@code kernel-budgets.tsv}: so many of its
 * blocks must be resident at once.
 *
 * @param where macros and the values of them for which the row is; no macros: all variants; ARCH is
 *     no macro but the architecture's number
 * @param threads of a block, at most
 * @param residentBlocks of a multiprocessor, at least
 * @param stackBytes of a thread, at most; 0 but for kernels that index local arrays
 */
record KernelBudget(
    String kernel,
    Map<String, Set<Integer>> where,
    int threads,
    int residentBlocks,
    int stackBytes) {
  private static final String TABLE = "/kernel-budgets.tsv";
  private static final String ARCHITECTURE = "ARCH";
  private static final int WARP = 32;

  /** Registers of a multiprocessor, of all architectures from sm_80 to sm_100. */
  private static final int REGISTERS = 65536;

  /** A warp's registers are given out in units of so many. */
  private static final int REGISTER_UNIT = 256;

  /** What the architectures' instructions can name. */
  private static final int MAX_REGISTERS = 255;

  /** Shared memory of a multiprocessor of sm_86 and sm_89; the others have more. */
  private static final int SHARED_BYTES = 100 << 10;

  /** What the system takes of each block's. */
  private static final int SYSTEM_SHARED_BYTES = 1 << 10;

  /** All rows, in their order. */
  static List<KernelBudget> table() {
    try (InputStream stream = KernelBudget.class.getResourceAsStream(TABLE);
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))) {
      return lines
          .lines()
          .filter(line -> !line.isBlank() && !line.startsWith("#"))
          .map(KernelBudget::parse)
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static KernelBudget parse(String line) {
    String[] columns = line.split("\t", -1);
    if (columns.length != 5) {
      throw new IllegalArgumentException(TABLE + ": " + columns.length + " columns: " + line);
    }
    Map<String, Set<Integer>> where = new HashMap<>();
    if (!columns[1].equals("*")) {
      for (String condition : columns[1].split(" ", -1)) {
        String[] sides = condition.split("=", -1);
        Set<Integer> values = new HashSet<>();
        Arrays.stream(sides[1].split(",", -1)).map(Integer::valueOf).forEach(values::add);
        where.put(sides[0], values);
      }
    }
    return new KernelBudget(
        columns[0],
        where,
        Integer.parseInt(columns[2]),
        Integer.parseInt(columns[3]),
        Integer.parseInt(columns[4]));
  }

  boolean isFor(String name, KernelVariant variant, int architecture) {
    return kernel.equals(name)
        && where.entrySet().stream()
            .allMatch(
                entry ->
                    entry
                        .getValue()
                        .contains(
                            entry.getKey().equals(ARCHITECTURE)
                                ? architecture
                                : variant.defines().get(entry.getKey())));
  }

  /** Registers that a thread may have for so many blocks to be resident. */
  int registers() {
    int warps = (threads + WARP - 1) / WARP * residentBlocks;
    int ofWarp = REGISTERS / warps / REGISTER_UNIT * REGISTER_UNIT;
    return Math.min(MAX_REGISTERS, ofWarp / WARP);
  }

  /** Shared memory that a block may have for so many blocks to be resident. */
  int sharedBytes() {
    return SHARED_BYTES / residentBlocks - SYSTEM_SHARED_BYTES;
  }
}
