package org.turboesm.engine.cuda;

import org.turboesm.cuda.DevicePointer;
import org.turboesm.engine.RangeTally;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.kv.KvCodec;

/**
 * Counts for a {@link RangeTally} on the device, where keys and values are packed.
 *
 * @param counters [layers, heads, 2] ints; null where nothing is counted
 */
record DeviceRangeCounters(DevicePointer counters, int layers, int heads) {

  /** Bytes of a model's counters. */
  static long bytes(EsmConfig config) {
    return 2L * config.layers() * config.heads() * Integer.BYTES;
  }

  /** Counters that stand at 0. */
  static DeviceRangeCounters cleared(Lane lane, EsmConfig config, DevicePointer counters) {
    lane.stream().clear(counters);
    return new DeviceRangeCounters(counters, config.layers(), config.heads());
  }

  /** Counts nothing. */
  static DeviceRangeCounters none(EsmConfig config) {
    return new DeviceRangeCounters(null, config.layers(), config.heads());
  }

  /** What {@code range.cuh} calls outside: [heads, 2] ints of one layer, or null. */
  DevicePointer ofLayer(int layer) {
    if (counters == null) {
      return null;
    }
    long bytes = 2L * heads * Integer.BYTES;
    return counters.range(layer * bytes, bytes);
  }

  /**
   * Waits for the stream and gives the counts to a tally, where there are any.
   *
   * @param lookedAt tokens of all passes since the counters were cleared
   */
  void addTo(RangeTally tally, Lane lane, KvCodec codec, long lookedAt) {
    if (counters != null) {
      tally.add(codec, lookedAt, lane.ints(counters, 2 * layers * heads));
    }
  }
}
