package org.turboesm.attention.vector;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import org.turboesm.kv.PackedKvLayout;

/**
 * The vector width of all kernels, and how a block's 32 tokens fall on its lanes. Static and final,
 * because the compiler turns vector code into instructions only where the species is a constant.
 */
final class Lanes {
  /** Forces a width, in bits, where the widest is not wanted: 128, 256 or 512. */
  static final String BITS_PROPERTY = "turboesm.vectorBits";

  static final VectorSpecies<Float> FLOATS = species();
  static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
  static final int COUNT = FLOATS.length();
  static final int BLOCK = PackedKvLayout.BLOCK_TOKENS;

  /** Vectors that hold one channel of a block. */
  static final int VECTORS_PER_BLOCK = BLOCK / COUNT;

  /** For each vector of a block, the bit of a plane word that each lane's token has. */
  private static final int[] TOKEN_BITS = new int[BLOCK];

  static {
    Arrays.setAll(TOKEN_BITS, t -> 1 << t);
  }

  private Lanes() {}

  private static VectorSpecies<Float> species() {
    Integer bits = Integer.getInteger(BITS_PROPERTY);
    if (bits == null) {
      return FloatVector.SPECIES_PREFERRED;
    }
    return VectorSpecies.of(float.class, VectorShape.forBitSize(bits));
  }

  /** The plane-word bits of the tokens in vector {@code v} of a block. */
  static IntVector tokenBits(int v) {
    return IntVector.fromArray(INTS, TOKEN_BITS, v * COUNT);
  }

  static FloatVector load(float[] array, int offset) {
    return FloatVector.fromArray(FLOATS, array, offset);
  }

  static FloatVector broadcast(float value) {
    return FloatVector.broadcast(FLOATS, value);
  }

  /** exp of each lane; relative error below 1e-7, and 0 for negative infinity. */
  static FloatVector exp(FloatVector x) {
    return x.lanewise(VectorOperators.EXP);
  }

  /** The next multiple of {@code unit}. */
  static int roundUp(int size, int unit) {
    return (size + unit - 1) / unit * unit;
  }
}
