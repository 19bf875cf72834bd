package org.turboesm.engine.cuda;

import java.util.List;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.kv.PackedKvLayout;

/**
 * Bidirectional attention whose keys and values are packed and read back, every token of them. One
 * read-back serves all queries of a sequence, so that a pass costs little more than in full
 * precision.
 *
 * @param cache room for one layer
 * @param read where queries, keys and values in the codec's coordinates go beside the model's own;
 *     empty where those may be overwritten
 */
record PackedTurboAttention(
    DeviceForward forward,
    DeviceCodec codec,
    PassInputs inputs,
    PrefillInputs prefill,
    TokenBlocks blocks,
    PackedSlots cache,
    DeviceRangeCounters ranges,
    List<DevicePointer> read)
    implements DeviceAttention {

  /** Bytes of the scales of so many slots' values. */
  static long scaleBytes(EsmConfig config, long slots) {
    return slots * config.heads() * PackedKvLayout.BLOCK_TOKENS * Short.BYTES;
  }

  @Override
  public void attend(Lane lane, int layer, Projections projections, Workspace w, boolean observed) {
    KernelSet kernels = forward.kernels();
    int heads = forward.config().heads();
    DevicePointer queries = observed ? read.get(0) : w.queries();
    DevicePointer keys = observed ? read.get(1) : w.keys();
    DevicePointer values = observed ? read.get(2) : w.values();
    kernels
        .qkv()
        .rotateAndPack(
            lane.stream(),
            projections,
            inputs.positions(),
            blocks,
            codec.layer(layer),
            codec.keyMaps(layer),
            cache,
            ranges.ofLayer(layer),
            w.queries(),
            observed ? w.keys() : null,
            observed ? w.values() : null);
    kernels.unpack().unpack(lane.stream(), codec.layer(layer), cache, blocks, heads, keys, values);
    kernels
        .unpack()
        .map(
            lane.stream(),
            w.queries(),
            codec.queryMaps(layer),
            codec.layer(layer).queryBiases(),
            inputs.rows(),
            heads,
            queries);
    prefill.attend(lane, kernels, heads, queries, keys, values, w.attended());
  }
}
