package org.turboesm.calibration;

import java.io.Serializable;
import java.util.Arrays;

/**
 * What the codec reaches on proteins that calibration did not see: attention outputs on the true
 * inputs of each layer.
 *
 * @param proteins how many were measured
 * @param attentionCosine [layers], mean over proteins of the mean over tokens
 * @param attentionNmse [layers], mean over proteins
 */
public record HeldOut(int proteins, double[] attentionCosine, double[] attentionNmse)
    implements Serializable {
  public HeldOut {
    if (attentionCosine.length != attentionNmse.length) {
      throw new IllegalArgumentException("figures of different numbers of layers");
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof HeldOut that
        && proteins == that.proteins
        && Arrays.equals(attentionCosine, that.attentionCosine)
        && Arrays.equals(attentionNmse, that.attentionNmse);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(attentionCosine) + Arrays.hashCode(attentionNmse);
  }

  @Override
  public String toString() {
    return "HeldOut[proteins="
        + proteins
        + ", attentionCosine="
        + Arrays.toString(attentionCosine)
        + ", attentionNmse="
        + Arrays.toString(attentionNmse)
        + "]";
  }
}
