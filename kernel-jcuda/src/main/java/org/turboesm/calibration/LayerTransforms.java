package org.turboesm.calibration;

import java.io.Serializable;
import java.util.List;

/** The fitted maps of one layer's heads: what pass 1 gives pass 2. */
public record LayerTransforms(List<HeadTransform> heads) implements Serializable {
  public LayerTransforms {
    heads = List.copyOf(heads);
  }
}
