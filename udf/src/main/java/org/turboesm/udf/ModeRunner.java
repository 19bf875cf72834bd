package org.turboesm.udf;

import java.util.Arrays;
import org.turboesm.calibration.Calibration;
import org.turboesm.engine.DecodedBatch;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.KvPrecision;
import org.turboesm.engine.LockstepDecoder;
import org.turboesm.engine.Pooling;
import org.turboesm.engine.RangeTally;
import org.turboesm.engine.TurboEngine;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;
import org.turboesm.kv.PackedKvLayout;
import org.turboesm.kv.RangeCounts;

/** Runs batches in one mode or another on the executor's engine. Not thread-safe. */
final class ModeRunner implements AutoCloseable {
  private final EmbedSettings settings;
  private final EsmEngine engine;
  private final Lease<TurboEngine> turbo;
  private final PackedKvLayout[] layouts;

  /**
   * @param model stays the caller's to close, after this
   * @param calibration null where no mode needs it
   */
  ModeRunner(EmbedSettings settings, ResidentModel model, Calibration calibration) {
    this.settings = settings;
    this.engine = model.engine();
    this.turbo = calibration == null ? null : model.turbo(calibration);
    this.layouts = calibration == null ? new PackedKvLayout[0] : layouts(calibration.codec());
  }

  private static PackedKvLayout[] layouts(KvCodec codec) {
    return codec.heads().stream()
        .flatMap(layer -> layer.stream().map(HeadCodec::layout))
        .toArray(PackedKvLayout[]::new);
  }

  EsmEngine engine() {
    return engine;
  }

  HiddenStates run(Mode mode, TokenBatch batch) {
    HiddenStateCollector collector =
        new HiddenStateCollector(settings.layers(), batch.size(), engine.config().hiddenSize());
    return switch (mode) {
      case ENCODE -> encode(batch, collector);
      case TURBO -> turbo(batch, collector);
      case DECODE -> decode(batch, collector);
    };
  }

  private HiddenStates encode(TokenBatch batch, HiddenStateCollector collector) {
    ForwardObserver observer = collector.wholeBatch();
    float[] last = lastStates() ? engine.encode(batch, observer) : null;
    float[] means =
        last == null ? engine.meanEmbeddings(batch, observer) : Pooling.means(last, batch);
    return new HiddenStates(means, last, collector.states(), 0, RangeCounts.NONE);
  }

  private HiddenStates turbo(TokenBatch batch, HiddenStateCollector collector) {
    TurboEngine packed = turboEngine();
    ForwardObserver observer = collector.wholeBatch();
    RangeTally tally = new RangeTally();
    float[] last = lastStates() ? packed.turbo(batch, observer, tally) : null;
    float[] means =
        last == null ? packed.meanEmbeddings(batch, observer, tally) : Pooling.means(last, batch);
    return new HiddenStates(means, last, collector.states(), packedBytes(batch), tally.counts());
  }

  private HiddenStates decode(TokenBatch batch, HiddenStateCollector collector) {
    RangeTally tally = new RangeTally();
    DecodedBatch decoded =
        new LockstepDecoder(turboEngine(), KvPrecision.PACKED, collector, tally)
            .decode(batch, settings.prefill());
    return new HiddenStates(
        Pooling.means(decoded.hidden(), batch),
        decoded.hidden(),
        collector.states(),
        Arrays.stream(decoded.cacheBytes()).sum(),
        tally.counts());
  }

  /** Whether single tokens' last hidden states are asked for. */
  private boolean lastStates() {
    return settings.cls() || settings.residues();
  }

  private TurboEngine turboEngine() {
    if (turbo == null) {
      throw new IllegalStateException("modes turbo and decode need a calibration");
    }
    return turbo.value();
  }

  /** Bytes of the caches of a turbo pass: every token packed, without tails. */
  private long packedBytes(TokenBatch batch) {
    long bytes = 0;
    for (int s = 0; s < batch.sequences(); s++) {
      for (PackedKvLayout layout : layouts) {
        bytes += layout.packedBytes(batch.length(s));
      }
    }
    return bytes;
  }

  /** Bytes of the same caches as floats. */
  long kvBytesFp32(TokenBatch batch) {
    EsmConfig config = engine.config();
    return 2L * config.layers() * config.hiddenSize() * Float.BYTES * batch.size();
  }

  @Override
  public void close() {
    if (turbo != null) {
      turbo.close();
    }
  }
}
