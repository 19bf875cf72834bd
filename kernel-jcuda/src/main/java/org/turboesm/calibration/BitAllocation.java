package org.turboesm.calibration;

import java.util.PriorityQueue;

/** Allots bits to channels: each next bit where it lowers the distortion most. */
final class BitAllocation {
  private BitAllocation() {}

  /** What the next bit of a channel is worth; the largest first, equal ones by channel. */
  private record Gain(double gain, int channel) implements Comparable<Gain> {
    static Gain ofNextBit(double[][] distortions, int channel, int bits) {
      return new Gain(distortions[channel][bits] - distortions[channel][bits + 1], channel);
    }

    @Override
    public int compareTo(Gain other) {
      int byGain = Double.compare(other.gain, gain);
      return byGain != 0 ? byGain : Integer.compare(channel, other.channel);
    }
  }

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
    PriorityQueue<Gain> gains = new PriorityQueue<>();
    for (int c = 0; c < bits.length; c++) {
      gains.add(Gain.ofNextBit(distortions, c, 0));
    }
    for (int bit = 0; bit < totalBits; bit++) {
      int channel = gains.remove().channel;
      bits[channel]++;
      if (bits[channel] < maxBits) {
        gains.add(Gain.ofNextBit(distortions, channel, bits[channel]));
      }
    }
    return bits;
  }
}
