package org.turboesm.engine.cuda;

import java.util.ArrayList;
import java.util.List;
import org.turboesm.TurboEsmException;
import org.turboesm.cuda.DeviceArena;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.esm2.EsmConfig;

/**
 * What a pass over some rows works in, parts of a lane's arena. H is the hidden size, F the
 * feed-forward block's.
 *
 * @param x floats, [rows, H]: the residual stream
 * @param normed [rows, H], what a LayerNorm leaves for the next GEMM
 * @param projected products, [rows, 3, heads, headDim]
 * @param queries activations, [rows, heads, headDim]
 * @param keys activations, [rows, heads, headDim]
 * @param values activations, [rows, heads, headDim]
 * @param attended activations, [rows, heads, headDim]
 * @param attendedInput [rows, H], the same as the next GEMM reads it; {@code attended} itself but
 *     for int8
 * @param delta products, [rows, H], what a block adds to the residual stream
 * @param wide products, [rows, F]
 * @param wideInput [rows, F], after GELU
 * @param hidden floats, [rows, H]: the last hidden state
 */
record Workspace(
    DevicePointer x,
    LinearInput normed,
    DevicePointer projected,
    DevicePointer queries,
    DevicePointer keys,
    DevicePointer values,
    DevicePointer attended,
    LinearInput attendedInput,
    DevicePointer delta,
    DevicePointer wide,
    LinearInput wideInput,
    DevicePointer hidden) {

  /** Sizes of the parts, in the order in which they are taken. */
  private static List<Long> sizes(EsmConfig config, KernelPrecision precision, int rows) {
    long hidden = (long) rows * config.hiddenSize();
    long wide = (long) rows * config.intermediateSize();
    long scales = precision.quantized() ? (long) rows * Float.BYTES : 0;
    List<Long> sizes = new ArrayList<>();
    sizes.add(hidden * Float.BYTES);
    sizes.add(hidden * precision.inputBytes());
    sizes.add(scales);
    sizes.add(3 * hidden * precision.productBytes());
    sizes.add(hidden * precision.activationBytes());
    sizes.add(hidden * precision.activationBytes());
    sizes.add(hidden * precision.activationBytes());
    sizes.add(hidden * precision.activationBytes());
    sizes.add(precision.quantized() ? hidden * precision.inputBytes() : 0);
    sizes.add(scales);
    sizes.add(hidden * precision.productBytes());
    sizes.add(wide * precision.productBytes());
    sizes.add(wide * precision.inputBytes());
    sizes.add(scales);
    sizes.add(hidden * Float.BYTES);
    return sizes;
  }

  /**
   * Bytes of an arena that a workspace takes.
   *
   * @throws TurboEsmException if its hidden states are more than a Java array holds
   */
  static long bytes(EsmConfig config, KernelPrecision precision, int rows) {
    if ((long) rows * config.hiddenSize() > Integer.MAX_VALUE) {
      throw new TurboEsmException(
          "a batch of "
              + rows
              + " tokens has more hidden states than one array holds; use a smaller"
              + " --batch-tokens");
    }
    return sizes(config, precision, rows).stream().mapToLong(DeviceArena::aligned).sum();
  }

  /** Takes the parts. */
  static Workspace take(DeviceArena arena, EsmConfig config, KernelPrecision precision, int rows) {
    List<DevicePointer> parts = new ArrayList<>();
    for (long size : sizes(config, precision, rows)) {
      parts.add(size == 0 ? null : arena.take(size));
    }
    DevicePointer attended = parts.get(7);
    return new Workspace(
        parts.get(0),
        new LinearInput(parts.get(1), parts.get(2)),
        parts.get(3),
        parts.get(4),
        parts.get(5),
        parts.get(6),
        attended,
        precision.quantized()
            ? new LinearInput(parts.get(8), parts.get(9))
            : new LinearInput(attended, null),
        parts.get(10),
        parts.get(11),
        new LinearInput(parts.get(12), parts.get(13)),
        parts.get(14));
  }
}
