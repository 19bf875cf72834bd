package org.turboesm.attention.vector;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;
import org.turboesm.kv.PackedKvLayout;

/** How a block's 32 tokens fall on the lanes of a vector. */
final class Lanes {
  static final VectorSpecies<Float> FLOATS = VectorWidth.FLOATS;
  static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
  static final int COUNT = FLOATS.length();
  static final int BLOCK = PackedKvLayout.BLOCK_TOKENS;

  private static final int[] TOKENS = new int[BLOCK];

  static {
    Arrays.setAll(TOKENS, t -> t);
  }

  private Lanes() {}

  /** The numbers in their block of {@code COUNT} tokens, from {@code first} on. */
  static IntVector tokens(int first) {
    return IntVector.fromArray(INTS, TOKENS, first);
  }

  static FloatVector load(float[] array, int offset) {
    return FloatVector.fromArray(FLOATS, array, offset);
  }

  static FloatVector broadcast(float value) {
    return FloatVector.broadcast(FLOATS, value);
  }

  /**
   * The sum of all lanes, pairwise. {@code reduceLanes(ADD)} adds in an order of its own that
   * differs between interpreted and compiled code, and a result must not depend on how warm it is.
   *
   * @param scratch at least {@link #COUNT} floats, overwritten
   */
  static float sum(FloatVector x, float[] scratch) {
    x.intoArray(scratch, 0);
    for (int half = COUNT / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; i++) {
        scratch[i] += scratch[half + i];
      }
    }
    return scratch[0];
  }

  /**
   * Replaces the first element of each row by the row's sum, pairwise, in the order of {@link
   * #sum}.
   *
   * @param rows [count, COUNT] from {@code offset} on, overwritten, and COUNT floats behind them
   */
  static void sumRows(float[] rows, int offset, int count) {
    for (int half = COUNT / 2; half > 0; half /= 2) {
      addHalves(rows, offset, count, half);
    }
  }

  private static void addHalves(float[] rows, int offset, int count, int half) {
    for (int row = 0, i = offset; row < count; row++, i += COUNT) {
      load(rows, i).add(load(rows, i + half)).intoArray(rows, i);
    }
  }

  /** The next multiple of {@code unit}. */
  static int roundUp(int size, int unit) {
    return (size + unit - 1) / unit * unit;
  }
}
