package org.turboesm.engine.cuda;

import java.util.Arrays;
import java.util.Collections;
import java.util.stream.IntStream;
import org.turboesm.kv.AffineMap;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;

/**
 * Codecs for standard normal keys and values: equal cells over three deviations. The maps are
 * identities, for which a kernel takes the time of any map.
 */
final class NormalHeadCodec {
  private static final double RANGE = 3;

  private NormalHeadCodec() {}

  static HeadCodec of(int[] keyBits, int[] valueBits) {
    AffineMap identity = AffineMap.identity(keyBits.length);
    return new HeadCodec(
        identity, identity, identity, identity, codebook(keyBits), codebook(valueBits), false);
  }

  /** The same head everywhere. */
  static KvCodec model(int layers, int heads, HeadCodec head, boolean tail) {
    return new KvCodec(Collections.nCopies(layers, Collections.nCopies(heads, head)), tail);
  }

  static int[] uniform(int headDim, int bits) {
    int[] all = new int[headDim];
    Arrays.fill(all, bits);
    return all;
  }

  /**
   * Widths by channel, the widest first.
   *
   * @param channels how many of the channels have each width, from 0 bits on
   */
  static int[] widths(int headDim, int[] channels) {
    int[] widestFirst =
        IntStream.range(0, channels.length)
            .map(i -> channels.length - 1 - i)
            .flatMap(bits -> IntStream.generate(() -> bits).limit(channels[bits]))
            .toArray();
    return IntStream.range(0, headDim)
        .map(channel -> widestFirst[channel * widestFirst.length / headDim])
        .toArray();
  }

  private static Codebook codebook(int[] bits) {
    float[][] centroids = new float[bits.length][];
    float[][] thresholds = new float[bits.length][];
    for (int c = 0; c < bits.length; c++) {
      int codes = 1 << bits[c];
      double cell = 2 * RANGE / codes;
      centroids[c] = new float[codes];
      thresholds[c] = new float[codes - 1];
      for (int code = 0; code < codes; code++) {
        centroids[c][code] = (float) (-RANGE + (code + 0.5) * cell);
        if (code > 0) {
          thresholds[c][code - 1] = (float) (-RANGE + code * cell);
        }
      }
    }
    return new Codebook(bits, centroids, thresholds);
  }
}
