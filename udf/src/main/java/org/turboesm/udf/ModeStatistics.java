package org.turboesm.udf;

import java.io.Serializable;
import org.turboesm.kv.RangeCounts;

/**
 * What running proteins in one mode took.
 *
 * @param proteins how many
 * @param tokens theirs, with {@code <cls>} and {@code <eos>}
 * @param nanoseconds of the tasks, added up
 * @param kvBytesFp32 of all their caches, as floats
 * @param kvBytesPacked of all their caches, packed and with tails; 0 in mode {@code encode}
 * @param range how often their keys and values left the calibrated range; nothing in mode {@code
 *     encode}
 */
public record ModeStatistics(
    long proteins,
    long tokens,
    long nanoseconds,
    long kvBytesFp32,
    long kvBytesPacked,
    RangeCounts range)
    implements Serializable {
  static final ModeStatistics NONE = new ModeStatistics(0, 0, 0, 0, 0, RangeCounts.NONE);

  ModeStatistics plus(ModeStatistics other) {
    return new ModeStatistics(
        proteins + other.proteins,
        tokens + other.tokens,
        nanoseconds + other.nanoseconds,
        kvBytesFp32 + other.kvBytesFp32,
        kvBytesPacked + other.kvBytesPacked,
        range.plus(other.range));
  }

  /** Of all caches, in half precision. */
  public long kvBytesFp16() {
    return kvBytesFp32 / 2;
  }
}
