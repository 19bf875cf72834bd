package org.turboesm.attention.vector;

import java.util.Arrays;
import org.turboesm.attention.AttentionState;
import org.turboesm.attention.KernelScratch;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.PackedKvBlocks;
import org.turboesm.kv.PackedKvLayout;

/**
 * Decode at 512 bits, 64 tokens a vector. Keys are looked up in tables multiplied by the query, in
 * 16-bit fixed point; values in tables of bfloat16. Channels are taken in the order of their
 * widths, so that groups of like width form.
 *
 * <p>Keys: n channels are summed as shorts, at the scale at which their largest possible sum just
 * fits. With M the largest |q| * half range among them, a step is at most n M / 32760; each entry
 * rounds by at most half a step, and their sum by sqrt(n / 12) steps in the mean: n^1.5 M / 113000.
 * The Lloyd-Max table of a Gaussian with 2^b codes errs by 1.65 / 2^b standard deviations in the
 * mean, and half its range is at most 4.5 of them, so that the channel of M errs by 0.37 M / 2^b.
 * The rounding stays n^1.5 2^b / 42000 of that, 31 dB below it or more with n at most 8 and n 2^b
 * at most 448.
 *
 * <p>Values: bfloat16 rounds a centroid by at most 2^-9 of it, in the mean square by 1.3e-6 of it.
 * A Lloyd-Max table errs by 3.5e-2 of the values' mean square with 3 bits and by 4.2e-5 with 8.
 */
final class ByteLaneDecode implements PackedDecodeKernel {
  private static final int CHUNK = PlaneLookup.CHUNK;
  private static final int MAX_CHANNELS_A_SCALE = 8;
  private static final int MAX_CODES_A_SCALE = 448;

  /** Eight roundings by a half more still fit a short. */
  private static final float LARGEST_SUM = Short.MAX_VALUE - 7;

  /** Logits that differ by less are equal; a scale for them might overflow. */
  private static final float NO_DIFFERENCE = 1e-30f;

  private final PlaneLookup lookup;
  private final ChunkScales chunkScales;

  ByteLaneDecode(PlaneLookup lookup) {
    this.lookup = lookup;
    this.chunkScales = new ChunkScales(lookup);
  }

  @Override
  public String name() {
    return "codes as bytes by " + lookup.name();
  }

  @Override
  public void decode(float[] query, int queryOffset, PackedKvBlocks cache, AttentionState state) {
    int length = cache.packedLength();
    if (length == 0) {
      return;
    }
    int padded = Lanes.roundUp(length, CHUNK);
    int headDim = cache.codec().headDim();
    float[] weights = state.scratch().floats(padded + (headDim + 1) * Lanes.COUNT);
    Arrays.fill(state.scratch().shorts(shorts(padded)), 0, padded, (short) 0);
    addLogits(query, queryOffset, cache, padded, weights, state.scratch());
    for (int t = length; t < padded; t++) {
      weights[padded - CHUNK + lookup.position(t % CHUNK)] = Float.NEGATIVE_INFINITY;
    }
    float max = state.raiseMax(Softmax.maxAndPad(weights, 0, padded, padded));
    float sum = Softmax.exponentials(weights, 0, padded, max);
    state.addDenominator(sum);
    short[] scales = cache.valueScales();
    float scaledSum = scales == null ? sum : chunkScales.multiply(scales, weights, padded);
    addValues(cache, padded, weights, scaledSum, state);
  }

  /** Sums of entries, [chunks, 2, 32], and the tables of a group or of a wide channel. */
  private int shorts(int padded) {
    int group = lookup.groupSize() * EntryTable.SHORTS;
    return padded + Math.max(group, EntryTable.shorts(PackedKvLayout.MAX_BITS));
  }

  private void addLogits(
      float[] query,
      int queryOffset,
      PackedKvBlocks cache,
      int padded,
      float[] logits,
      KernelScratch scratch) {
    Codebook codebook = cache.codec().keyCodebook();
    float constant = 0;
    for (int c = 0; c < codebook.headDim(); c++) {
      constant += query[queryOffset + c] * codebook.middle(c);
    }
    Arrays.fill(logits, 0, padded, constant);
    int end;
    for (int first = 0; first < codebook.codedChannels(); first = end) {
      end = endOfScale(codebook, first);
      float largest = 0;
      for (int i = first; i < end; i++) {
        int c = codebook.widestFirst(i);
        largest += Math.abs(query[queryOffset + c]) * codebook.halfRange(c);
      }
      if (largest < NO_DIFFERENCE) {
        continue;
      }
      float scale = LARGEST_SUM / largest;
      for (int i = first; i < end; ) {
        if (isGroup(codebook, i, end)) {
          addKeyGroup(query, queryOffset, cache, i, scale, padded, scratch);
          i += lookup.groupSize();
        } else {
          addKeyChannel(query, queryOffset, cache, i, scale, padded, scratch);
          i++;
        }
      }
      PlaneLookup.addLogits(scratch.shorts(padded), padded, largest / LARGEST_SUM, logits);
    }
  }

  /** Channels too wide for a group share no scale with narrower ones, so that those form groups. */
  private static int endOfScale(Codebook codebook, int first) {
    int widest = codebook.bits(codebook.widestFirst(first));
    int count = Math.max(1, Math.min(MAX_CHANNELS_A_SCALE, MAX_CODES_A_SCALE >> widest));
    int end = first + 1;
    while (end < Math.min(first + count, codebook.codedChannels())
        && isNarrow(codebook, end) == isNarrow(codebook, first)) {
      end++;
    }
    return end;
  }

  private static boolean isNarrow(Codebook codebook, int i) {
    return codebook.bits(codebook.widestFirst(i)) <= EntryTable.SHORTS_MAX_BITS;
  }

  private boolean isGroup(Codebook codebook, int i, int end) {
    int size = lookup.groupSize();
    return size > 1 && i + size <= end && isNarrow(codebook, i);
  }

  private void addKeyGroup(
      float[] query,
      int queryOffset,
      PackedKvBlocks cache,
      int i,
      float scale,
      int padded,
      KernelScratch scratch) {
    Codebook codebook = cache.codec().keyCodebook();
    short[] sums = scratch.shorts(padded);
    int[] planes = scratch.ints(lookup.groupSize());
    for (int j = 0; j < lookup.groupSize(); j++) {
      int c = codebook.widestFirst(i + j);
      planes[j] = codebook.plane(c);
      EntryTable.fixedPoint(
          codebook, c, query[queryOffset + c] * scale, sums, padded + j * EntryTable.SHORTS);
    }
    lookup.addGroup(codebook.bits(codebook.widestFirst(i)), cache, planes, sums, padded);
  }

  private void addKeyChannel(
      float[] query,
      int queryOffset,
      PackedKvBlocks cache,
      int i,
      float scale,
      int padded,
      KernelScratch scratch) {
    Codebook codebook = cache.codec().keyCodebook();
    int c = codebook.widestFirst(i);
    byte[] table = scratch.bytes(PlaneLookup.CODES + padded);
    short[] sums = scratch.shorts(padded);
    EntryTable.fixedPoint(codebook, c, query[queryOffset + c] * scale, sums, padded);
    EntryTable.split(sums, padded, codebook.bits(c), table);
    lookup.add(codebook.bits(c), cache, codebook.plane(c), table, sums);
  }

  private void addValues(
      PackedKvBlocks cache, int padded, float[] weights, float sum, AttentionState state) {
    Codebook codebook = cache.codec().valueCodebook();
    int coded = codebook.codedChannels();
    for (int i = 0; i < coded; ) {
      int partialSums = padded + i * Lanes.COUNT;
      if (isGroup(codebook, i, coded)) {
        weighGroup(cache, i, padded, weights, partialSums, state.scratch());
        i += lookup.groupSize();
      } else {
        weighChannel(cache, i, padded, weights, partialSums, state.scratch());
        i++;
      }
    }
    Lanes.sumRows(weights, padded, coded);
    float[] output = state.output();
    for (int c = 0; c < codebook.headDim(); c++) {
      output[c] += sum * codebook.middle(c);
    }
    for (int i = 0; i < coded; i++) {
      output[codebook.widestFirst(i)] += weights[padded + i * Lanes.COUNT];
    }
  }

  private void weighGroup(
      PackedKvBlocks cache,
      int i,
      int padded,
      float[] weights,
      int partialSums,
      KernelScratch scratch) {
    Codebook codebook = cache.codec().valueCodebook();
    short[] tables = scratch.shorts(padded);
    int[] planes = scratch.ints(lookup.groupSize());
    for (int j = 0; j < lookup.groupSize(); j++) {
      int c = codebook.widestFirst(i + j);
      planes[j] = cache.layout().valueWordsOffset() + codebook.plane(c);
      EntryTable.bfloat16(codebook, c, tables, padded + j * EntryTable.SHORTS);
    }
    int bits = codebook.bits(codebook.widestFirst(i));
    lookup.weighGroup(bits, cache, planes, tables, padded, weights, partialSums);
  }

  private void weighChannel(
      PackedKvBlocks cache,
      int i,
      int padded,
      float[] weights,
      int partialSums,
      KernelScratch scratch) {
    Codebook codebook = cache.codec().valueCodebook();
    int c = codebook.widestFirst(i);
    byte[] table = scratch.bytes(PlaneLookup.CODES + padded);
    short[] entries = scratch.shorts(padded);
    EntryTable.bfloat16(codebook, c, entries, padded);
    EntryTable.split(entries, padded, codebook.bits(c), table);
    int plane = cache.layout().valueWordsOffset() + codebook.plane(c);
    lookup.add(codebook.bits(c), cache, plane, table, entries);
    PlaneLookup.weigh(entries, padded, weights, partialSums);
  }
}
