package org.turboesm.bench;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.turboesm.kv.AffineMap;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;

/**
 * Codecs for standard normal keys and values: tables of equal-width cells over three deviations.
 * The maps are identities, for which a kernel takes the time of any map.
 */
final class NormalCodec {
  private static final double RANGE = 3;

  private NormalCodec() {}

  /** All channels of one width. */
  static int[] uniformBits(int headDim, int width) {
    int[] bits = new int[headDim];
    Arrays.fill(bits, width);
    return bits;
  }

  /** Widths 0 to 7 in turn, as an allotment of bits by channel gives. */
  static int[] mixedBits(int headDim) {
    int[] bits = new int[headDim];
    Arrays.setAll(bits, channel -> channel % 8);
    return bits;
  }

  static HeadCodec head(int[] bits) {
    AffineMap identity = AffineMap.identity(bits.length);
    Codebook codebook = codebook(bits);
    return new HeadCodec(identity, identity, identity, identity, codebook, codebook, false);
  }

  /** The same head everywhere, with a full-precision tail. */
  static KvCodec model(int layers, int heads, int[] bits) {
    List<HeadCodec> layer = Collections.nCopies(heads, head(bits));
    return new KvCodec(Collections.nCopies(layers, layer), true);
  }

  static Codebook codebook(int[] bits) {
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
