package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.turboesm.kv.ChannelRange;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.RandomCodec;

/**
 * How many numbers lie outside of their channels' ranges, where each number is known but for an
 * interval.
 */
final class OutsideCounts {
  private int least;
  private int most;
  private int numbers;

  /** The same head with ranges that leave some normal values outside at either end. */
  static HeadCodec withRanges(SplittableRandom random, HeadCodec head) {
    return RandomCodec.withRanges(
        head, range(random, head.headDim()), range(random, head.headDim()));
  }

  private static ChannelRange range(SplittableRandom random, int headDim) {
    float[] lowest = new float[headDim];
    float[] highest = new float[headDim];
    for (int c = 0; c < headDim; c++) {
      lowest[c] = (float) random.nextDouble(-1.5, -0.5);
      highest[c] = (float) random.nextDouble(0.5, 1.5);
    }
    return new ChannelRange(lowest, highest);
  }

  void add(ChannelRange range, int channel, RoundedInterval x) {
    float smallest = range.smallestInside(channel);
    float largest = range.largestInside(channel);
    numbers++;
    most += x.low() < smallest || x.high() > largest ? 1 : 0;
    least += x.high() < smallest || x.low() > largest ? 1 : 0;
  }

  /** Checks a count, and that few of the numbers leave it open. */
  void check(int count, String what) {
    assertThat(count).as("%s, of %d", what, numbers).isBetween(least, most);
    assertThat(least).as("%s: some are outside", what).isPositive();
    assertThat(least).as("%s: most are inside", what).isLessThan(numbers);
    assertThat(most - least).as("%s: open, of %d", what, numbers).isLessThan(1 + numbers / 50);
  }
}
