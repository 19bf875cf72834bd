package org.turboesm.calibration;

import java.util.function.Supplier;
import org.turboesm.OutOfDeviceMemoryException;
import org.turboesm.engine.EngineCapabilities;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.TurboEngine;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.KvCodec;

/** An engine whose memory others have when one layer is projected, unless it runs alone. */
final class CrowdedEngine implements EsmEngine {
  private final EsmEngine computing;
  private final int crowdedLayer;
  private boolean alone;
  private int runsAlone;

  CrowdedEngine(EsmEngine computing, int crowdedLayer) {
    this.computing = computing;
    this.crowdedLayer = crowdedLayer;
  }

  int runsAlone() {
    return runsAlone;
  }

  @Override
  public <T> T runAlone(Supplier<T> work) {
    runsAlone++;
    alone = true;
    try {
      return work.get();
    } finally {
      alone = false;
    }
  }

  @Override
  public float[] projectAttention(int layer, float[] attended, int rows) {
    if (layer == crowdedLayer && !alone) {
      throw new OutOfDeviceMemoryException("others have it").perhapsBesideOthers();
    }
    return computing.projectAttention(layer, attended, rows);
  }

  @Override
  public float[] encode(TokenBatch batch, ForwardObserver observer) {
    return computing.encode(batch, observer);
  }

  @Override
  public EsmConfig config() {
    return computing.config();
  }

  @Override
  public EngineCapabilities capabilities() {
    return computing.capabilities();
  }

  @Override
  public float[] logits(float[] hidden, int rows) {
    return computing.logits(hidden, rows);
  }

  @Override
  public boolean hasLmHead() {
    return computing.hasLmHead();
  }

  @Override
  public TurboEngine turbo(KvCodec codec) {
    return computing.turbo(codec);
  }

  /** The engine that computes stays open. */
  @Override
  public void close() {}
}
