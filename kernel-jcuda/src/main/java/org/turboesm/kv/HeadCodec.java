package org.turboesm.kv;

import java.io.Serializable;

/**
 * How one head's keys and values are quantized. With invertible A and B and any means, attention is
 * unchanged but for the rounding to codes:
 *
 * <ul>
 *   <li>keys k become A (k - keyMean) and queries q become A^-T q: every logit of a query shifts by
 *       the same q . keyMean, which softmax does not see;
 *   <li>values v become B (v - valueMean), and attention outputs o become B^-1 o + valueMean, since
 *       softmax weights sum to one.
 * </ul>
 *
 * Where values are scaled by token, each token's transformed values are divided by a scale of its
 * own before they are coded, and what is read back is multiplied by it.
 *
 * @param key k to A (k - keyMean)
 * @param query q to A^-T q
 * @param value v to B (v - valueMean)
 * @param output o to B^-1 o + valueMean
 * @param keyCodebook tables of the transformed keys
 * @param valueCodebook tables of the transformed values; within [-1, 1], in units of a token's
 *     scale, where values are scaled by token
 * @param tokenScaledValues whether each token's values carry a scale of their own
 * @param keyRange of the transformed keys that calibration saw
 * @param valueRange of the transformed values that calibration saw
 */
public record HeadCodec(
    AffineMap key,
    AffineMap query,
    AffineMap value,
    AffineMap output,
    Codebook keyCodebook,
    Codebook valueCodebook,
    boolean tokenScaledValues,
    ChannelRange keyRange,
    ChannelRange valueRange)
    implements Serializable {

  public HeadCodec {
    int headDim = key.size();
    if (query.size() != headDim
        || value.size() != headDim
        || output.size() != headDim
        || keyCodebook.headDim() != headDim
        || valueCodebook.headDim() != headDim
        || keyRange.lowest().length != headDim
        || valueRange.lowest().length != headDim) {
      throw new IllegalArgumentException("maps, tables and ranges of different sizes");
    }
  }

  /** A codec whose channels may have any value. */
  public HeadCodec(
      AffineMap key,
      AffineMap query,
      AffineMap value,
      AffineMap output,
      Codebook keyCodebook,
      Codebook valueCodebook,
      boolean tokenScaledValues) {
    this(
        key,
        query,
        value,
        output,
        keyCodebook,
        valueCodebook,
        tokenScaledValues,
        ChannelRange.unbounded(key.size()),
        ChannelRange.unbounded(key.size()));
  }

  public int headDim() {
    return key.size();
  }

  /** The packed format of this head. */
  public PackedKvLayout layout() {
    return new PackedKvLayout(keyCodebook.bits(), valueCodebook.bits(), tokenScaledValues);
  }

  /** Bytes of tables and transforms in float; the value's two maps fold into the weights. */
  public long tableBytes() {
    long maps = 2L * (headDim() + 1) * headDim() * Float.BYTES;
    return maps + keyCodebook.bytes() + valueCodebook.bytes();
  }
}
