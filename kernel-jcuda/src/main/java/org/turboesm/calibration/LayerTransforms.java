package org.turboesm.calibration;

import java.io.Serializable;
import java.util.List;

/**
 * The fitted maps of one layer's heads: what pass 1 gives pass 2.
 *
 * @param tokens how many they were fitted on
 */
public record LayerTransforms(List<HeadTransform> heads, long tokens) implements Serializable {
  public LayerTransforms {
    heads = List.copyOf(heads);
  }
}
