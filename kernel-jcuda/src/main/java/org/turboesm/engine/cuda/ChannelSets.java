package org.turboesm.engine.cuda;

import java.nio.ByteBuffer;
import org.turboesm.kv.Codebook;

/**
 * How {@code packed_decode.cu} reads one head's keys or values: in sets of 32 channels, a lane
 * each, the widest codes first. A set's table has a row for each code of its widest channel, and in
 * a row a centroid for each lane; a narrower channel's repeat, so that bits beside its own do not
 * count.
 */
final class ChannelSets {
  /** Sets at most. */
  static final int MAX_SETS = 4;

  /** Bytes of {@code struct channel_set}. */
  static final int SET_BYTES = 8;

  /** Bytes of {@code struct lane_channel}. */
  static final int LANE_BYTES = 4;

  private static final int LANES = 32;

  /** Lanes of a row of tables in shared memory: two sets are read at a time. */
  private static final int ROW_FLOATS = 2 * LANES;

  private final Codebook codebook;
  private final int count;

  ChannelSets(Codebook codebook) {
    this.codebook = codebook;
    this.count = count(codebook.headDim());
  }

  /** The sets of so many channels: one, or pairs of them. */
  static int count(int headDim) {
    int atOnce = headDim <= LANES ? 1 : 2;
    return (headDim + atOnce * LANES - 1) / (atOnce * LANES) * atOnce;
  }

  /** -1 for a lane without a channel. */
  private int channel(int set, int lane) {
    int i = set * LANES + lane;
    return i < codebook.headDim() ? codebook.widestFirst(i) : -1;
  }

  /** The widest code of a set. */
  private int bits(int set) {
    int widest = channel(set, 0);
    return widest < 0 ? 0 : codebook.bits(widest);
  }

  /**
   * Planes before a channel's own that its lane reads with them: none, unless there are too few
   * behind for the set's widest code. Then there are enough before, where that code's stand.
   */
  private int planesBefore(int set, int channel) {
    int last = codebook.headDim() - 1;
    int allPlanes = codebook.plane(last) + codebook.bits(last);
    boolean enoughBehind = codebook.plane(channel) + bits(set) <= allPlanes;
    return enoughBehind ? 0 : bits(set) - codebook.bits(channel);
  }

  private int tableFloats(int set) {
    return LANES << bits(set);
  }

  /** Floats of the tables of all sets. */
  int tableFloats() {
    int floats = 0;
    for (int set = 0; set < count; set++) {
      floats += tableFloats(set);
    }
    return floats;
  }

  /** Floats that the tables of two sets take in shared memory at most. */
  int sharedFloats() {
    return ROW_FLOATS << bits(0);
  }

  /**
   * A {@code struct channel_set} for each of {@link #MAX_SETS}.
   *
   * @param firstFloat where the tables start among the layer's
   */
  void writeSets(ByteBuffer target, int firstFloat) {
    int table = firstFloat;
    for (int set = 0; set < MAX_SETS; set++) {
      target.putInt(set < count ? bits(set) : 0).putInt(table);
      table += set < count ? tableFloats(set) : 0;
    }
  }

  /** Each set's {@code struct lane_channel}s: [sets, 32]. */
  void writeLanes(ByteBuffer target) {
    for (int set = 0; set < count; set++) {
      for (int lane = 0; lane < LANES; lane++) {
        int channel = channel(set, lane);
        target.putShort((short) channel);
        target.putShort((short) (channel < 0 ? 0 : firstPlane(set, channel)));
      }
    }
  }

  /** The table of each set: [sets][2^bits, 32]; zeros for lanes without a channel. */
  void writeTables(ByteBuffer target) {
    for (int set = 0; set < count; set++) {
      for (int row = 0; row < 1 << bits(set); row++) {
        for (int lane = 0; lane < LANES; lane++) {
          target.putFloat(centroid(set, channel(set, lane), row));
        }
      }
    }
  }

  private int firstPlane(int set, int channel) {
    return codebook.plane(channel) - planesBefore(set, channel);
  }

  private float centroid(int set, int channel, int row) {
    if (channel < 0) {
      return 0;
    }
    int code = row >> planesBefore(set, channel) & (1 << codebook.bits(channel)) - 1;
    return codebook.centroid(channel, code);
  }
}
