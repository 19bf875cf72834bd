package org.turboesm.calibration;

/** Allots a head's bits to its channels: each next bit where it lowers the distortion most. */
final class BitAllocation {
  private BitAllocation() {}

  /**
   * Greedy allotment, which is optimal where a channel's gains shrink from bit to bit.
   *
   * @param distortions [channels][maxBits + 1], the squared error of a channel at each width
   * @param totalBits to allot, exactly; at most channels * maxBits
   * @return [channels], the width of each channel; equal gains go to the lower channel
   */
  static int[] allot(double[][] distortions, int totalBits) {
    int maxBits = distortions[0].length - 1;
    if (totalBits > distortions.length * maxBits) {
      throw new IllegalArgumentException(
          totalBits + " bits do not fit " + distortions.length + " channels of " + maxBits);
    }
    int[] bits = new int[distortions.length];
    for (int bit = 0; bit < totalBits; bit++) {
      int best = -1;
      double bestGain = Double.NEGATIVE_INFINITY;
      for (int c = 0; c < bits.length; c++) {
        if (bits[c] < maxBits) {
          double gain = distortions[c][bits[c]] - distortions[c][bits[c] + 1];
          if (gain > bestGain) {
            best = c;
            bestGain = gain;
          }
        }
      }
      bits[best]++;
    }
    return bits;
  }
}
