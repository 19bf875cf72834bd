package org.turboesm.engine.cuda;

import java.util.ArrayList;
import java.util.List;
import org.turboesm.kv.PackedKvLayout;

/**
 * Sequences back to back and where their blocks of 32 tokens go: slots of a sequence in a row,
 * those of different sequences in another order than the sequences, with slots between that are
 * nobody's.
 *
 * @param lengths [sequences]
 * @param withTails whether unfilled blocks go to tails
 */
record PackedBatch(int[] lengths, boolean withTails) {
  private static final int BLOCK = PackedKvLayout.BLOCK_TOKENS;
  private static final int GAP = 1;

  /** One block of tokens. */
  record Block(int sequence, int firstRow, int tokens, int slot, boolean inTail) {}

  int rows() {
    int rows = 0;
    for (int length : lengths) {
      rows += length;
    }
    return rows;
  }

  /** [rows], each sequence's from a start of its own on. */
  int[] positions(int firstPosition) {
    int[] positions = new int[rows()];
    int row = 0;
    for (int length : lengths) {
      for (int t = 0; t < length; t++) {
        positions[row++] = firstPosition + t;
      }
    }
    return positions;
  }

  int slots() {
    int slots = GAP;
    for (int length : lengths) {
      slots += PackedKvLayout.blocks(length) + GAP;
    }
    return slots;
  }

  private int firstSlot(int sequence) {
    int slot = GAP;
    for (int s = lengths.length - 1; s > sequence; s--) {
      slot += PackedKvLayout.blocks(lengths[s]) + GAP;
    }
    return slot;
  }

  List<Block> blocks() {
    List<Block> blocks = new ArrayList<>();
    int row = 0;
    for (int s = 0; s < lengths.length; s++) {
      for (int t = 0; t < lengths[s]; t += BLOCK) {
        int tokens = Math.min(BLOCK, lengths[s] - t);
        blocks.add(
            new Block(s, row + t, tokens, firstSlot(s) + t / BLOCK, withTails && tokens < BLOCK));
      }
      row += lengths[s];
    }
    return blocks;
  }

  /** What {@link TokenBlocks} wants. */
  int[] entries() {
    List<Block> blocks = blocks();
    int[] entries = new int[4 * blocks.size()];
    for (int i = 0; i < blocks.size(); i++) {
      Block block = blocks.get(i);
      entries[4 * i] = block.firstRow();
      entries[4 * i + 1] = block.tokens();
      entries[4 * i + 2] = block.slot();
      entries[4 * i + 3] = block.inTail() ? block.sequence() : -1;
    }
    return entries;
  }
}
