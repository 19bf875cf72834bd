package org.turboesm.engine.cuda;

import java.util.ArrayList;
import java.util.List;
import org.turboesm.cuda.CudaContext;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.engine.RangeTally;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.PackedKvLayout;

/** Caches packed by a codec. */
final class PackedSessionCache implements SessionCache {
  private static final int BLOCK = PackedKvLayout.BLOCK_TOKENS;

  private final DeviceForward forward;
  private final DeviceCodec codec;
  private final int splits;
  private final List<DeviceBuffer> buffers = new ArrayList<>();
  private final List<PackedSlots> layers = new ArrayList<>();
  private final DeviceRangeCounters ranges;

  /**
   * @param slots blocks of all sequences
   * @param longest capacity of the longest sequence, in tokens
   * @param counting whether keys and values outside of the calibrated range are counted
   */
  PackedSessionCache(
      CudaContext context,
      Lane lane,
      DeviceForward forward,
      DeviceCodec codec,
      int sequences,
      long slots,
      int longest,
      boolean counting) {
    this.forward = forward;
    this.codec = codec;
    this.splits = PackedDecodeKernels.splits(longest) + (tail() ? 1 : 0);
    EsmConfig config = forward.config();
    long tailBytes =
        2L * sequences * config.hiddenSize() * BLOCK * forward.precision().activationBytes();
    try {
      for (int i = 0; i < config.layers(); i++) {
        LayerCodec layer = codec.layer(i);
        layers.add(
            new PackedSlots(
                keep(context, slots * layer.wordsPerSlot() * Integer.BYTES),
                layer.tokenScaledValues()
                    ? keep(context, PackedTurboAttention.scaleBytes(config, slots))
                    : null,
                tail() ? keep(context, tailBytes) : null));
      }
      ranges =
          counting
              ? DeviceRangeCounters.cleared(
                  lane, config, keep(context, DeviceRangeCounters.bytes(config)))
              : DeviceRangeCounters.none(config);
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private DeviceBuffer keep(CudaContext context, long bytes) {
    DeviceBuffer buffer = DeviceBuffer.allocate(context, bytes, "packed caches");
    buffers.add(buffer);
    return buffer;
  }

  @Override
  public boolean tail() {
    return codec.codec().tail();
  }

  @Override
  public int splits() {
    return splits;
  }

  @Override
  public void fill(
      Lane lane,
      int layer,
      Projections projections,
      PassInputs inputs,
      TokenBlocks blocks,
      Workspace w) {
    forward
        .kernels()
        .qkv()
        .rotateAndPack(
            lane.stream(),
            projections,
            inputs.positions(),
            blocks,
            codec.layer(layer),
            codec.keyMaps(layer),
            layers.get(layer),
            ranges.ofLayer(layer),
            w.queries(),
            w.keys(),
            w.values());
  }

  @Override
  public void step(
      Lane lane,
      int layer,
      Projections projections,
      DecodeRows lengths,
      DecodeRows kvLens,
      DevicePointer queries,
      PartialStates partial) {
    PackedSlots cache = layers.get(layer);
    int heads = forward.config().heads();
    forward
        .kernels()
        .append()
        .append(
            lane.stream(),
            projections,
            lengths,
            codec.layer(layer),
            cache,
            ranges.ofLayer(layer),
            queries);
    forward
        .kernels()
        .packedDecode()
        .decode(
            lane.stream(),
            kvLens.rows(),
            heads,
            codec.layer(layer),
            queries,
            cache.words(),
            cache.valueScales(),
            kvLens.firstSlots(),
            kvLens.sequences(),
            kvLens.kvLens(),
            tail(),
            partial);
    if (tail()) {
      forward
          .kernels()
          .fullDecode()
          .decodeTails(
              lane.stream(),
              kvLens.rows(),
              heads,
              queries,
              cache.tails(),
              kvLens.sequences(),
              kvLens.kvLens(),
              partial);
    }
  }

  @Override
  public void addRangesTo(RangeTally tally, Lane lane, long lookedAt) {
    ranges.addTo(tally, lane, codec.codec(), lookedAt);
  }

  @Override
  public long bytes(int tokens) {
    int packed = tail() ? tokens / BLOCK * BLOCK : tokens;
    long bytes = 0;
    for (List<HeadCodec> heads : codec.codec().heads()) {
      for (HeadCodec head : heads) {
        bytes += head.layout().packedBytes(packed);
      }
    }
    EsmConfig config = forward.config();
    return bytes
        + 2L
            * (tokens - packed)
            * config.layers()
            * config.hiddenSize()
            * forward.precision().activationBytes();
  }

  @Override
  public void close() {
    buffers.forEach(DeviceBuffer::close);
    buffers.clear();
  }
}
