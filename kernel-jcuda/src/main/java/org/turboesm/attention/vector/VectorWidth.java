package org.turboesm.attention.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vector width of all Java kernels. Static and final, because the compiler turns vector code
 * into instructions only where the species is a constant.
 */
public final class VectorWidth {
  /** Forces a width, in bits, where the widest is not wanted: 128, 256 or 512. */
  public static final String BITS_PROPERTY = "turboesm.vectorBits";

  /** Float vectors of that width. */
  public static final VectorSpecies<Float> FLOATS = species();

  private VectorWidth() {}

  private static VectorSpecies<Float> species() {
    Integer bits = Integer.getInteger(BITS_PROPERTY);
    if (bits == null) {
      return FloatVector.SPECIES_PREFERRED;
    }
    return VectorSpecies.of(float.class, VectorShape.forBitSize(bits));
  }
}
