package org.turboesm.attention.vector;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.turboesm.attention.AttentionState;
import org.turboesm.kv.PackedKvBlocks;

/**
 * One query over packed blocks, without a dequantized copy of them. Which implementation runs
 * depends on the machine and the JDK's version alone, never on a measurement, so that results do
 * not change from run to run.
 */
interface PackedDecodeKernel {

  /** Adds the attention of one query, [headDim] from {@code queryOffset} on. */
  void decode(float[] query, int queryOffset, PackedKvBlocks cache, AttentionState state);

  /** How codes become entries. */
  String name();

  /** The fastest that this machine has instructions for. */
  static PackedDecodeKernel ofThisMachine() {
    if (Lanes.FLOATS.vectorBitSize() < 512 || !permutesBytes()) {
      return new IntLaneDecode();
    }
    return new ByteLaneDecode(
        Runtime.version().feature() >= MaskedPlaneLookup.FIRST_JDK
            ? new MaskedPlaneLookup()
            : new ShiftedPlaneLookup());
  }

  /** Whether 64 bytes are permuted by one instruction; without, C2 compiles no byte shuffle. */
  private static boolean permutesBytes() {
    Path cpus = Path.of("/proc/cpuinfo");
    if (!Files.isReadable(cpus)) {
      return false;
    }
    try (Stream<String> lines = Files.lines(cpus)) {
      return lines.anyMatch(line -> line.startsWith("flags") && line.contains(" avx512vbmi "));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
