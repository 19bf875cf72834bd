package org.turboesm.kv;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * How many transformed keys and values lay outside the ranges that calibration saw.
 *
 * @param heads the counts of each layer and head; empty where nothing was looked at
 */
public record RangeCounts(List<List<HeadRangeCounts>> heads) implements Serializable {

  /** Nothing looked at. */
  public static final RangeCounts NONE = new RangeCounts(List.of());

  /**
   * How often the expected share may lie outside before it is an alarm. Measured on the demo model
   * in mode turbo, over its calibration of 64 proteins, the share was, in units of what is
   * expected, 3.2 over the demo's 500 proteins and 45 over repeats of A and of GA. Random residues
   * give none: channel by channel they are like proteins. One odd protein alone can.
   */
  static final double ALARM_MULTIPLE = 15;

  public RangeCounts {
    heads = heads.stream().map(List::copyOf).toList();
  }

  /**
   * The head of the largest share.
   *
   * @param layer from 0
   * @param head from 0
   */
  public record Worst(int layer, int head, double share) {}

  /** These and those of more proteins over the same codec. */
  public RangeCounts plus(RangeCounts other) {
    if (heads.isEmpty()) {
      return other;
    }
    if (other.heads.isEmpty()) {
      return this;
    }
    if (heads.size() != other.heads.size()) {
      throw new IllegalArgumentException("counts of different models cannot be added");
    }
    List<List<HeadRangeCounts>> sums = new ArrayList<>();
    for (int layer = 0; layer < heads.size(); layer++) {
      List<HeadRangeCounts> ours = heads.get(layer);
      List<HeadRangeCounts> theirs = other.heads.get(layer);
      if (ours.size() != theirs.size()) {
        throw new IllegalArgumentException("counts of different models cannot be added");
      }
      List<HeadRangeCounts> layerSums = new ArrayList<>();
      for (int head = 0; head < ours.size(); head++) {
        layerSums.add(ours.get(head).plus(theirs.get(head)));
      }
      sums.add(layerSums);
    }
    return new RangeCounts(sums);
  }

  /** Of all layers and heads. */
  private HeadRangeCounts total() {
    return heads.stream().flatMap(List::stream).reduce(HeadRangeCounts.NONE, HeadRangeCounts::plus);
  }

  /** Channels looked at, of keys and values together. */
  public long lookedAt() {
    return total().lookedAt();
  }

  /** Channels outside, of keys and values together. */
  public long outside() {
    return total().outside();
  }

  /** The share outside; 0 where nothing was looked at. */
  public double share() {
    return total().share();
  }

  /** The first head of the largest share; empty where nothing was looked at. */
  public Optional<Worst> worst() {
    Worst worst = null;
    for (int layer = 0; layer < heads.size(); layer++) {
      for (int head = 0; head < heads.get(layer).size(); head++) {
        HeadRangeCounts counts = heads.get(layer).get(head);
        if (counts.lookedAt() > 0 && (worst == null || counts.share() > worst.share())) {
          worst = new Worst(layer, head, counts.share());
        }
      }
    }
    return Optional.ofNullable(worst);
  }

  /**
   * The share that lies outside where tokens are like calibration's: of n + 1 exchangeable values,
   * each is as likely the smallest as any other, and as likely the largest.
   *
   * @param calibrationTokens n, how many the ranges are of
   */
  public static double expectedShare(long calibrationTokens) {
    return 2.0 / (calibrationTokens + 1);
  }

  /**
   * Whether more lies outside than of proteins like the calibration's.
   *
   * @param calibrationTokens how many the ranges are of
   */
  public boolean alarm(long calibrationTokens) {
    return share() > ALARM_MULTIPLE * expectedShare(calibrationTokens);
  }
}
