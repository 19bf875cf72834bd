package org.turboesm.engine.cuda;

import java.util.function.IntUnaryOperator;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.PackedKvLayout;

/** Where the blocks of a batch's sequences go in a cache. */
final class BlockPlacement {
  private static final int BLOCK = PackedKvLayout.BLOCK_TOKENS;
  private static final int ENTRY_INTS = 4;
  private static final int NO_TAIL = -1;

  private BlockPlacement() {}

  /** The first slot of each sequence, and behind them the number of slots, [sequences + 1]. */
  static int[] firstSlots(int[] capacities) {
    int[] firstSlots = new int[capacities.length + 1];
    for (int s = 0; s < capacities.length; s++) {
      firstSlots[s + 1] =
          Math.addExact(firstSlots[s], Math.max(1, PackedKvLayout.blocks(capacities[s])));
    }
    return firstSlots;
  }

  /**
   * What {@link TokenBlocks} wants.
   *
   * @param firstSlot of a sequence
   * @param tail whether a sequence's last, unfilled block goes to its tail
   */
  static int[] entries(TokenBatch batch, IntUnaryOperator firstSlot, boolean tail) {
    int count = 0;
    for (int s = 0; s < batch.sequences(); s++) {
      count += PackedKvLayout.blocks(batch.length(s));
    }
    int[] entries = new int[count * ENTRY_INTS];
    int i = 0;
    for (int s = 0; s < batch.sequences(); s++) {
      for (int t = 0; t < batch.length(s); t += BLOCK) {
        int tokens = Math.min(BLOCK, batch.length(s) - t);
        entries[i++] = batch.cuSeqlens()[s] + t;
        entries[i++] = tokens;
        entries[i++] = firstSlot.applyAsInt(s) + t / BLOCK;
        entries[i++] = tail && tokens < BLOCK ? s : NO_TAIL;
      }
    }
    return entries;
  }
}
