package org.turboesm.cuda;

import java.util.Map;

/**
 * A kernel file, and the macros that make one of its variants.
 *
 * @param file of the class path's folder {@code cuda}
 * @param defines macros and their values
 */
public record KernelVariant(String file, Map<String, Integer> defines) {
  public KernelVariant {
    defines = Map.copyOf(defines);
  }
}
