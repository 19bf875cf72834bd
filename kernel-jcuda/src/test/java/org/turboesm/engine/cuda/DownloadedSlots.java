package org.turboesm.engine.cuda;

import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.kv.BitPlanes;

/** A packed cache as it lies on the device, read code by code. */
final class DownloadedSlots {
  private static final int LAYOUT_INTS = 4;
  private static final int CODE_INTS = 4;
  private static final int BLOCK = 32;

  private final int heads;
  private final int headDim;
  private final int wordsPerSlot;
  private final int[] layouts;
  private final int[] channels;
  private final int[] words;
  private final short[] scales;

  /**
   * @param words [slots, wordsPerSlot]
   * @param scales [slots, heads, 32] bfloat16
   */
  DownloadedSlots(
      LayerCodec codec, int heads, int headDim, DeviceBuffer words, DeviceBuffer scales) {
    this.heads = heads;
    this.headDim = headDim;
    this.wordsPerSlot = codec.wordsPerSlot();
    this.layouts = codec.layouts().ints(heads * LAYOUT_INTS);
    this.channels = codec.channels().ints(heads * 2 * headDim * CODE_INTS);
    this.words = words.ints((int) (words.bytes() / Integer.BYTES));
    this.scales = scales.shorts((int) (scales.bytes() / Short.BYTES));
  }

  /** Where a head's words of a slot start. */
  int firstWord(int slot, int head) {
    return slot * wordsPerSlot + layouts[head * LAYOUT_INTS];
  }

  /** Words of a head in a slot; what follows up to the next head's is padding. */
  int wordsOfHead(int head) {
    return layouts[head * LAYOUT_INTS + 1] + layouts[head * LAYOUT_INTS + 2];
  }

  int[] words() {
    return words;
  }

  /**
   * @param channel 0 to headDim - 1 of keys, and as many values
   */
  int code(int slot, int head, int channel, int lane) {
    int entry = (head * 2 * headDim + channel) * CODE_INTS;
    return BitPlanes.code(
        words, firstWord(slot, head) + channels[entry], channels[entry + 1], lane);
  }

  /** The bits of a token's scale. */
  short scale(int slot, int head, int lane) {
    return scales[(slot * heads + head) * BLOCK + lane];
  }
}
