package org.turboesm.job.plan;

import java.io.Serializable;
import java.util.List;
import org.apache.spark.sql.Row;

/**
 * Where a protein stands among all when sorted by length, the longest first; among those of its own
 * length its hash decides, so that several may get one rank.
 */
final class LengthRanks implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final double TWO_TO_53 = 0x1p53;

  /** Descending, with the number of proteins of the length, and of the greater lengths together. */
  private final int[] lengths;

  private final long[] counts;
  private final long[] longer;

  private LengthRanks(int[] lengths, long[] counts, long[] longer) {
    this.lengths = lengths;
    this.counts = counts;
    this.longer = longer;
  }

  /**
   * @param histogram (length, count), the greatest length first
   */
  static LengthRanks of(List<Row> histogram) {
    int[] lengths = new int[histogram.size()];
    long[] counts = new long[lengths.length];
    long[] longer = new long[lengths.length];
    long total = 0;
    for (int i = 0; i < lengths.length; i++) {
      lengths[i] = histogram.get(i).getInt(0);
      counts[i] = histogram.get(i).getLong(1);
      longer[i] = total;
      total += counts[i];
    }
    return new LengthRanks(lengths, counts, longer);
  }

  /** From 0; a length that no protein had ranks as if the proteins of the next had it. */
  long rank(int length, long hash) {
    if (lengths.length == 0) {
      return 0;
    }
    int i = indexOf(length);
    double fraction = (hash >>> 11) / TWO_TO_53;
    return longer[i] + (long) (fraction * counts[i]);
  }

  private int indexOf(int length) {
    int low = 0;
    int high = lengths.length - 1;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (lengths[middle] > length) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
