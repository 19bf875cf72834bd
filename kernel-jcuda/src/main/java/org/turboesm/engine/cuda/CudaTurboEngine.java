package org.turboesm.engine.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.turboesm.cuda.CudaContext;
import org.turboesm.cuda.DeviceArena;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.engine.DecodeSession;
import org.turboesm.engine.KvPrecision;
import org.turboesm.engine.TurboEngine;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;

/** A resident model over a packed cache: folded weights and the codec's tables beside the rest. */
final class CudaTurboEngine implements TurboEngine {
  private final CudaContext context;
  private final DeviceForward forward;
  private final DeviceCodec codec;
  private final LanePool lanes;

  /**
   * @param forward with weights that are this engine's own to close
   */
  CudaTurboEngine(CudaContext context, DeviceForward forward, DeviceCodec codec, LanePool lanes) {
    this.context = context;
    this.forward = forward;
    this.codec = codec;
    this.lanes = lanes;
  }

  @Override
  public float[] turbo(TokenBatch batch, ForwardObserver observer) {
    return lanes.run(lane -> turbo(lane, batch, observer));
  }

  private Supplier<float[]> turbo(Lane lane, TokenBatch batch, ForwardObserver observer) {
    EsmConfig config = forward.config();
    KernelPrecision precision = forward.precision();
    int[] firstSlots = BlockPlacement.firstSlots(batch.lengths());
    long slots = firstSlots[batch.sequences()];
    List<int[]> arrays = new ArrayList<>(PassInputs.arrays(batch, config));
    arrays.addAll(PrefillInputs.arrays(batch, forward.kernels().prefill().tiling()));
    int[] entries = BlockPlacement.entries(batch, s -> firstSlots[s], false);
    arrays.add(entries);
    DeviceRotary.Table angles = forward.rotary().table(batch.positions());

    long wordBytes = slots * codec.mostWordsPerSlot() * Integer.BYTES;
    long scaleBytes =
        codec.tokenScaledValues() ? PackedTurboAttention.scaleBytes(config, slots) : 0;
    long readBytes = (long) batch.size() * config.hiddenSize() * precision.activationBytes();
    lane.arena()
        .reset(
            Lane.uploadBytes(arrays)
                + Workspace.bytes(config, precision, batch.size())
                + DeviceArena.aligned(wordBytes)
                + DeviceArena.aligned(scaleBytes)
                + (observer.seesAttention() ? 3 * DeviceArena.aligned(readBytes) : 0));
    List<DevicePointer> uploaded = lane.upload(arrays);
    PassInputs inputs = PassInputs.of(batch.size(), uploaded);
    PrefillInputs prefill =
        PrefillInputs.of(
            uploaded.subList(PassInputs.ARRAYS, PassInputs.ARRAYS + PrefillInputs.ARRAYS));
    TokenBlocks blocks = new TokenBlocks(uploaded.get(uploaded.size() - 1), entries.length / 4);
    Workspace workspace = Workspace.take(lane.arena(), config, precision, batch.size());
    PackedSlots cache =
        new PackedSlots(
            lane.arena().take(wordBytes),
            scaleBytes == 0 ? null : lane.arena().take(scaleBytes),
            null);
    List<DevicePointer> read = new ArrayList<>();
    for (int i = 0; i < 3 && observer.seesAttention(); i++) {
      read.add(lane.arena().take(readBytes));
    }
    PackedTurboAttention attention =
        new PackedTurboAttention(forward, codec, inputs, prefill, blocks, cache, read);
    return () -> {
      forward.run(lane, inputs, angles, workspace, attention, observer);
      return lane.floats(workspace.hidden(), batch.size() * config.hiddenSize());
    };
  }

  @Override
  public DecodeSession prefill(
      TokenBatch prefixes, int[] capacities, KvPrecision precision, ForwardObserver observer) {
    LanePool.Kept<CudaDecodeSession> kept =
        lanes.open(
            lane ->
                precision == KvPrecision.PACKED
                    ? CudaDecodeSession.packed(context, forward, codec, lane, prefixes, capacities)
                    : CudaDecodeSession.full(context, forward, lane, prefixes, capacities));
    CudaDecodeSession session = kept.value();
    session.keep(kept.lease());
    try {
      session.prefill(prefixes, observer);
      return session;
    } catch (RuntimeException | Error e) {
      session.close();
      throw e;
    }
  }

  @Override
  public void close() {
    context.enterToRelease();
    codec.close();
    forward.weights().close();
  }
}
