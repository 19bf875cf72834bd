package org.turboesm.engine.cuda;

import java.util.ArrayList;
import java.util.List;
import org.turboesm.cuda.CudaContext;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.engine.RangeTally;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.kv.PackedKvLayout;

/** Caches of activations: what packed ones are measured against. */
final class FullSessionCache implements SessionCache {
  private final DeviceForward forward;
  private final int splits;
  private final List<DeviceBuffer> layers = new ArrayList<>();

  /**
   * @param slots blocks of all sequences
   * @param longest capacity of the longest sequence, in tokens
   */
  FullSessionCache(CudaContext context, DeviceForward forward, long slots, int longest) {
    this.forward = forward;
    this.splits = FullDecodeKernels.splits(longest);
    EsmConfig config = forward.config();
    long bytes =
        2
            * slots
            * config.hiddenSize()
            * PackedKvLayout.BLOCK_TOKENS
            * forward.precision().activationBytes();
    try {
      for (int i = 0; i < config.layers(); i++) {
        layers.add(DeviceBuffer.allocate(context, bytes, "full-precision caches"));
      }
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  @Override
  public boolean tail() {
    return false;
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
        .rotateAndCache(
            lane.stream(),
            projections,
            inputs.positions(),
            blocks,
            layers.get(layer),
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
    forward
        .kernels()
        .append()
        .appendFull(lane.stream(), projections, lengths, layers.get(layer), queries);
    forward
        .kernels()
        .fullDecode()
        .decode(
            lane.stream(),
            kvLens.rows(),
            forward.config().heads(),
            queries,
            layers.get(layer),
            kvLens.firstSlots(),
            kvLens.sequences(),
            kvLens.kvLens(),
            partial);
  }

  /** Nothing is packed, so nothing is counted. */
  @Override
  public void addRangesTo(RangeTally tally, Lane lane, long lookedAt) {}

  @Override
  public long bytes(int tokens) {
    EsmConfig config = forward.config();
    return 2L
        * tokens
        * config.layers()
        * config.hiddenSize()
        * forward.precision().activationBytes();
  }

  @Override
  public void close() {
    layers.forEach(DeviceBuffer::close);
    layers.clear();
  }
}
